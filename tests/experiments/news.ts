/** An experiment of two factors; one of its variants depends on neither. */
export const NEWS = `
name: News
data: n24news:somewhere
seeds: [3, 1]
set: { optimizer.weight_decay: 1e-4, optimizer.learning_rates: {} }
encoders: { image: a/vit }
factors:
  source: { Headline: { set: { data.text: headline } }, Caption: { set: { data.text: caption } } }
  encoder:
    BERT: { encoders: { text: a/bert } }
    RoBERTa: { encoders: { text: a/roberta }, set: { optimizer.weight_decay: 0 } }
variants:
  - { name: AggMM, method: agg-mm }
  - { name: "+ C_semi", method: unis-mmc, set: { model.negative: false, optimizer.weight_decay: 0.5 } }
  - { name: Image-only, method: image, at: { source: Headline, encoder: BERT } }
tables: [{ title: One }]
`;
