// Runs in the browser: shows the sample of a point, and lets the legend of a map choose a class.
const { samples, runs } = JSON.parse(document.getElementById("data").textContent);
const card = document.getElementById("card");
/** The distance, in pixels, at which a point still counts as meant. */
const REACH = 14;

/** Makes an element with a class and text. */
function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Fills the card with a sample and puts it beside the point. */
function show(map, point) {
  if (point.classList.contains("active") && !card.hidden) return;
  const number = point.dataset.sample;
  const { id, label, text, image } = samples[number];
  const { heads, predictions } = runs[map.dataset.run];
  for (const other of map.querySelectorAll(".active")) other.classList.remove("active");
  point.classList.add("active");
  point.parentNode.append(point); // drawn above the others
  const words = element("div");
  words.append(element("p", id, "muted"), element("p", `label: ${label}`));
  if (text) words.append(element("p", text));
  for (const [i, head] of heads.entries()) {
    const prediction = predictions[number][i];
    words.append(element("p", `${head}: ${prediction}`, prediction === label ? "right" : "wrong"));
  }
  const parts = [words];
  if (image) {
    const picture = element("img");
    picture.src = image;
    picture.alt = "";
    parts.unshift(picture);
  }
  card.replaceChildren(...parts);
  card.hidden = false;
  const box = point.getBoundingClientRect(), own = card.getBoundingClientRect();
  const left = box.left + own.width + 24 < innerWidth ? box.right + 12 : box.left - own.width - 12;
  const top = box.bottom + own.height + 24 < innerHeight ? box.bottom + 12 : box.top - own.height - 12;
  card.style.left = `${Math.max(8, Math.min(left, innerWidth - own.width - 8))}px`;
  card.style.top = `${Math.max(8, Math.min(top, innerHeight - own.height - 8))}px`;
}

function hide(map) {
  for (const point of map.querySelectorAll(".active")) point.classList.remove("active");
  card.hidden = true;
}

/** The middle of a point in the window. */
function middle(point) {
  const { left, right, top, bottom } = point.getBoundingClientRect();
  return [(left + right) / 2, (top + bottom) / 2];
}

/** The point under the pointer or so near that it is meant. */
function nearest(points, x, y) {
  let best, least = REACH;
  for (const point of points) {
    const [px, py] = middle(point);
    const distance = Math.hypot(px - x, py - y);
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The point nearest to `from` in a direction; points off to the side count as farther. */
function neighbour(points, from, [dx, dy]) {
  const [x, y] = middle(from);
  let best = from, least = Infinity;
  for (const point of points) {
    const [px, py] = middle(point);
    const along = (px - x) * dx + (py - y) * dy, aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    if (point !== from && along > 0.5 && along + 2 * aside < least) {
      [best, least] = [point, along + 2 * aside];
    }
  }
  return best;
}

function shown(map) {
  return [...map.querySelectorAll(map.classList.contains("narrowed") ? ".chosen" : "[data-sample]")];
}

for (const map of document.querySelectorAll(".map")) {
  for (const type of ["pointermove", "pointerdown"]) {
    map.addEventListener(type, ({ clientX, clientY }) => {
      const point = nearest(shown(map), clientX, clientY);
      if (point) show(map, point);
      else hide(map);
    });
  }
  map.addEventListener("pointerleave", () => hide(map));
  map.addEventListener("focus", () => {
    const [first] = shown(map);
    if (first && map.matches(":focus-visible")) show(map, map.querySelector(".active") ?? first);
  });
  map.addEventListener("blur", () => hide(map));
  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide(map);
    const direction = DIRECTIONS[event.key];
    const points = shown(map);
    if (!direction || points.length === 0) return;
    event.preventDefault();
    const from = map.querySelector(".active");
    show(map, from ? neighbour(points, from, direction) : points[0]);
  });
  for (const button of map.parentNode.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") !== "true";
      for (const other of map.parentNode.querySelectorAll(".legend button")) {
        other.setAttribute("aria-pressed", String(isOn && other === button));
      }
      map.classList.toggle("narrowed", isOn);
      for (const point of map.querySelectorAll("[data-sample]")) {
        point.classList.toggle("chosen", isOn && point.dataset.class === button.dataset.class);
      }
    });
  }
}
