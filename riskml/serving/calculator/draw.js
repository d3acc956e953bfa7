// Elements and drawings. Text only ever becomes text: nothing here parses markup.

/** An element with attributes and children; a string child is text, null is left out. */
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  Object.entries(attributes).forEach(([name, value]) => {
    if (value !== null) node.setAttribute(name, value);
  });
  node.append(
    ...children.filter((child) => child !== null).map((child) => (typeof child === "string" ? glued(child) : child)),
  );
  return node;
}

/** Units as they are printed; a number stays with what belongs to it. */
function glued(text) {
  return text
    .replace(/(\d )?10\^9\/L/g, (_, number) => (number ? `${number}× 10⁹/L` : "10⁹/L"))
    .replace(/(\d) (?=[%×])|(×) (?=10)|(<) (?=\d)/g, (found) => found.replace(" ", "\u00a0"));
}

const listOf = (items) => el("ul", {}, ...items.map((item) => el("li", {}, item)));

/** A table whose first column heads its rows; on a phone each cell stands below its column's name. */
function tableOf(caption, columns, rows) {
  const cell = (content, k) =>
    k === 0
      ? el("th", { scope: "row", role: "rowheader" }, content)
      : el(
          "td",
          { role: "cell" },
          el("span", { class: "of", "aria-hidden": "true" }, columns[k]),
          el("span", {}, content),
        );
  return el(
    "table",
    { role: "table", class: columns.length > 3 ? "stacked" : "narrow" },
    el("caption", {}, caption),
    el(
      "thead",
      { role: "rowgroup" },
      el("tr", { role: "row" }, ...columns.map((column) => el("th", { scope: "col", role: "columnheader" }, column))),
    ),
    el("tbody", { role: "rowgroup" }, ...rows.map((row) => el("tr", { role: "row" }, ...row.map(cell)))),
  );
}

function figure(title, width, height, caption, ...marks) {
  return el(
    "figure",
    {},
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, ...marks),
    el("figcaption", {}, caption),
  );
}

const line = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });
const label = (x, y, anchor, text) => svg("text", { x, y, "text-anchor": anchor }, text);

/** The estimate in its interval on the whole scale from 0 to 100. */
function drawRisk({ value, low, high }, average, level) {
  const x = (share) => 12 + 336 * share,
    at = x(value);
  const marks = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    line("grid", x(share), 14, x(share), 52),
    label(x(share), 66, "middle", `${100 * share}`),
  ]);
  marks.push(
    svg("rect", { class: "interval", x: x(low), y: 24, width: Math.max(1, x(high) - x(low)), height: 18 }),
    average === null ? null : line("average", x(average), 16, x(average), 50),
    svg("path", { class: "mark", d: `M${at} 24l7 9-7 9-7-9z` }),
  );
  const ends = `${digitsOf(low)} to ${digitsOf(high)} %`;
  const title = `Estimate ${percent(value)} with its interval from ${ends} on a scale of 0 to 100`;
  const beside = average === null ? "" : "; dashed: the average patient";
  return figure(
    title,
    360,
    72,
    `In 100 patients. Diamond: the estimate; bar: its ${level} interval${beside}.`,
    ...marks,
  );
}

/** The course over all months, with the interval where it is given, beside that of the average patient. */
function drawCurve(prediction, average, level) {
  const { estimate, curve } = prediction,
    last = curve.times.at(-1);
  const x = (t) => 34 + (314 * t) / last,
    y = (share) => 196 - 180 * share;
  const path = ({ times, value }) =>
    times.map((t, k) => `${k ? "L" : "M"}${x(t).toFixed(2)} ${y(value[k]).toFixed(2)}`).join("");
  const step = [1, 2, 3, 6, 12, 24, 60].find((months) => last / months <= 6) ?? 120;
  const ticks = Array.from({ length: Math.floor(last / step) + 1 }, (_, k) => k * step);
  const marks = [
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      line("grid", 34, y(share), 348, y(share)),
      label(29, y(share) + 4, "end", `${100 * share}`),
    ]),
    ...ticks.flatMap((t) => [line("tick", x(t), 196, x(t), 201), label(x(t), 214, "middle", `${t}`)]),
    label(191, 231, "middle", "months"),
    svg("path", { class: "average", d: path(average) }),
    svg("path", { class: "curve", d: path(curve) }),
    ...estimate.times.flatMap((t, k) => [
      line("bar", x(t), y(estimate.low[k]), x(t), y(estimate.high[k])),
      line("bar", x(t) - 4, y(estimate.low[k]), x(t) + 4, y(estimate.low[k])),
      line("bar", x(t) - 4, y(estimate.high[k]), x(t) + 4, y(estimate.high[k])),
      svg("circle", { class: "mark", cx: x(t), cy: y(estimate.value[k]), r: 4 }),
    ]),
  ];
  const what = estimate.kind === "survival" ? "Event-free" : "With the event by then";
  const title = `${what}, in 100 patients, from month 0 to ${general(last)}; the numbers are in the table`;
  return figure(
    title,
    360,
    236,
    `${what}, in 100 patients. Line: this patient, with ${level} intervals; dashed: the average patient.`,
    ...marks,
  );
}

/** One effect as a bar from the middle: to the right it raises, to the left it lowers. */
function drawEffect(effect, widest) {
  const width = widest > 0 ? (58 * Math.abs(effect)) / widest : 0;
  return svg(
    "svg",
    { class: "effect", viewBox: "0 0 120 14", "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: effect < 0 ? "lowers" : "raises", x: effect < 0 ? 60 - width : 60, y: 2, width, height: 10 }),
    line("tick", 60, 0, 60, 14),
  );
}
