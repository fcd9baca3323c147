/** Writes the pieces that a page is made of. */
import { type Figure, svgFile, toCsv } from "./figure.ts";
import { dataUri, html, Markup } from "./markup.ts";

export function notesMarkup(notes: readonly string[]): Markup | undefined {
  if (notes.length === 0) return undefined;
  return html`<div class="notes">${notes.map((note) => html`<p>${note}</p>`)}</div>`;
}

export function table(
  caption: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Markup {
  return html`
    <div class="scroll" tabindex="0" role="group" aria-label="${caption}">
      <table>
        <caption>${caption}</caption>
        <thead>
          <tr>${header.map((name) => html`<th scope="col">${name}</th>`)}</tr>
        </thead>
        <tbody>${rows.map(([name, ...cells]) =>
          html`<tr><th scope="row">${name}</th>${cells.map((text) => html`<td>${text}</td>`)}</tr>`
        )}</tbody>
      </table>
    </div>
  `;
}

export function figuresMarkup(figures: readonly Figure[], kind = ""): Markup | undefined {
  return figures.length === 0
    ? undefined
    : html`<div class="grid ${kind}">${figures.map(figureMarkup)}</div>`;
}

function figureMarkup(figure: Figure): Markup {
  const { name, title, caption, svg, rows, isWide, run } = figure;
  const drawing = new Markup(svg);
  const keys = "The arrow keys go from point to point.";
  return html`
    <figure id="${name}" ${isWide && new Markup(' class="wide"')}>
    <figcaption><h3>${title}</h3><p>${caption}</p></figcaption>
    ${run !== undefined
      ? html`
        <div class="map" tabindex="0" role="group" aria-label="${title}. ${keys}"
          data-run="${run}">${drawing}</div>
      `
      : isWide
      ? html`<div class="scroll" tabindex="0" role="group" aria-label="${title}">${drawing}</div>`
      : drawing}
    ${legendMarkup(figure)}
    <p class="files"><a download="${name}.svg" aria-label="SVG of ${title}" href="${dataUri(
      "image/svg+xml",
      svgFile(figure),
    )}">SVG</a>
    <a download="${name}.csv" aria-label="CSV of ${title}" href="${dataUri(
      "text/csv",
      toCsv(rows),
    )}">CSV</a></p>
    </figure>
  `;
}

function legendMarkup({ legend, run }: Figure): Markup {
  if (legend.length === 0) return html``;
  return html`<ul class="legend">${
    legend.map(({ name, colour, dash }, i) => {
      const sign = new Markup(
        `<svg viewBox="0 0 18 10" aria-hidden="true"><line x1="1" x2="17" y1="5" y2="5" stroke="${colour}" ` +
          `stroke-width="3"${dash === undefined ? "" : ` stroke-dasharray="${dash}"`}/></svg>`,
      );
      return run === undefined
        ? html`<li>${sign}${name}</li>`
        : html`<li><button type="button" aria-pressed="false" data-class="${i}">${sign}${name}</button></li>`;
    })
  }</ul>`;
}
