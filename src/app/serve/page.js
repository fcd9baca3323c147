// Sends the form and draws the answer. Runs in the browser.
const form = document.querySelector("form");
const main = document.querySelector("main");
const status = form.querySelector("[role=status]");
const section = document.querySelector("section");
const SHOWN = 5;

for (const drop of document.querySelectorAll(".drop")) {
  const input = drop.querySelector("input"), picture = drop.querySelector("img");
  const show = () => {
    const [file] = input.files;
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.hidden = !file;
    if (file) {
      picture.src = URL.createObjectURL(file);
      picture.alt = `The chosen image, ${file.name}`;
    }
  };
  input.addEventListener("change", show);
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length > 0) {
      input.files = event.dataTransfer.files;
      show();
    }
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length > 0) {
      input.files = event.clipboardData.files;
      show();
    }
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  status.textContent = "Predicting …";
  section.hidden = true;
  try {
    const body = new FormData(form);
    body.append("top", String(SHOWN));
    const token = form.querySelector("#token")?.value;
    const response = await fetch("/predict", {
      method: "POST",
      body,
      ...(token && { headers: { authorization: `Bearer ${token}` } }),
    });
    const answer = await response.json().catch(() => ({ error: `the server said ${response.status}` }));
    if (!response.ok) throw new Error(answer.error);
    draw(answer.answers[0]);
    status.textContent = "";
    section.hidden = false;
    section.scrollIntoView({ block: "nearest" });
  } catch (error) {
    status.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});

/** The last head decides; the others say which modality it went along with. */
function draw({ predictions, probabilities }) {
  const heads = JSON.parse(main.dataset.heads), { task } = main.dataset;
  const verdict = said(predictions[heads.at(-1)], task);
  document.querySelector(".verdict").textContent = task === "classification"
    ? `${verdict}, ${percent(predictions[heads.at(-1)][0].probability)}`
    : verdict;
  const others = heads.slice(0, -1).filter((head) => isThere(predictions[head], probabilities?.[head]));
  const agree = others.filter((head) => task !== "regression" && said(predictions[head], task) === verdict);
  const differ = others.filter((head) => !agree.includes(head));
  const against = list(differ.map((head) => `${head} (${said(predictions[head], task)})`));
  const parts = [
    agree.length > 0 && `went along with ${list(agree)}`,
    differ.length > 0 && `against ${against}`,
  ].filter(Boolean);
  document.querySelector(".trust").textContent = others.length === 0
    ? ""
    : task === "regression"
    ? `Alone they say: ${against}.`
    : `The model ${parts.join(", ")}.`;
  document.querySelector(".heads").replaceChildren(
    ...task === "regression" ? [] : heads.toReversed().flatMap((head) => {
      const title = document.createElement("h3"), rows = document.createElement("ul");
      title.textContent = head;
      rows.append(
        ...shares(predictions[head], probabilities[head], task).map(({ class: name, probability }) => {
          const row = document.createElement("li");
          const [label, bar, value] = ["span", "i", "b"].map((tag) => document.createElement(tag));
          label.textContent = name;
          bar.style.width = `${100 * probability}%`;
          value.textContent = percent(probability);
          row.append(label, bar, value);
          return row;
        }),
      );
      return [title, rows];
    }),
  );
}

/** What a head says: the likeliest class, the labels that it gives, or the number. */
function said(prediction, task) {
  if (task === "regression") return String(Number(prediction.toPrecision(6)));
  if (task === "classification") return prediction[0].class;
  return prediction.length > 0 ? list(prediction.map((one) => one.class).toSorted()) : "no label";
}

/** Whether the modality of a head was there. */
function isThere(prediction, probabilities) {
  return Array.isArray(prediction) ? Object.keys(probabilities).length > 0 : prediction !== null;
}

/** Of labels those that are likely, given or not. */
function shares(prediction, probabilities, task) {
  if (task === "classification") return prediction;
  return Object.entries(probabilities).map(([name, probability]) => ({ class: name, probability }))
    .toSorted((a, b) => b.probability - a.probability).slice(0, SHOWN);
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function list(names) {
  return names.join(" and ");
}
