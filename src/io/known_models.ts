/** Guesses which model of the Hugging Face hub a misspelt id means. */
import { nearest } from "../base/nearest.ts";

/** Models that many people fine-tune, of the kinds that can be loaded here. They serve for suggestions alone. */
const KNOWN: readonly string[] = [
  "google-bert/bert-base-uncased",
  "google-bert/bert-base-cased",
  "google-bert/bert-large-uncased",
  "google-bert/bert-large-cased",
  "google-bert/bert-base-multilingual-cased",
  "FacebookAI/roberta-base",
  "FacebookAI/roberta-large",
  "distilbert/distilroberta-base",
  "sentence-transformers/all-MiniLM-L6-v2",
  "google/vit-base-patch16-224",
  "google/vit-base-patch16-224-in21k",
  "google/vit-large-patch16-224",
  "google/vit-base-patch16-384",
  "WinKawaks/vit-tiny-patch16-224",
  "WinKawaks/vit-small-patch16-224",
  "facebook/deit-tiny-patch16-224",
  "facebook/deit-small-patch16-224",
  "facebook/deit-base-patch16-224",
  "facebook/deit-base-distilled-patch16-224",
];

const nameOf = (id: string) => id.slice(id.indexOf("/") + 1);

/** The end of a sentence that suggests a model near `id`; empty where none is near, or `id` is well known itself. */
export function suggestModel(id: string): string {
  if (KNOWN.includes(id)) return "";
  const name = nearest(nameOf(id), KNOWN.map(nameOf));
  const meant = nearest(id, KNOWN) ?? KNOWN.find((known) => nameOf(known) === name);
  return meant === undefined ? "" : `; did you mean "${meant}"?`;
}
