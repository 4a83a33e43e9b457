const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const element = (name, attributes, parent) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
};

/* ---- plots ---- */
const chart = document.getElementById("chart");
const DASHES = ["", "7 4", "2 3", "10 3 2 3"];
const SHAPES = [
  (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
  (x, y, r) => `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (x, y, r) => `M${x},${y - 1.3 * r}L${x + 1.3 * r},${y}L${x},${y + 1.3 * r}L${x - 1.3 * r},${y}z`,
  (x, y, r) => `M${x},${y - 1.2 * r}L${x + 1.2 * r},${y + r}L${x - 1.2 * r},${y + r}z`,
  (x, y, r) => `M${x},${y + 1.2 * r}L${x + 1.2 * r},${y - r}L${x - 1.2 * r},${y - r}z`,
];
const stroke = (codec) => ({
  stroke: `var(--c${codec.colour % 10})`, "stroke-width": codec.learned ? 3 : 1.6, "stroke-dasharray": DASHES[codec.dash % DASHES.length],
});
const mark = (codec, x, y, parent) =>
  element("path", { d: SHAPES[codec.colour % SHAPES.length](x, y, codec.learned ? 4.5 : 3.5), fill: `var(--c${codec.colour % 10})` }, parent);

const ticks = (low, high, log) => {
  if (log) {
    const all = [];
    for (let power = -3; power < 3; power++) for (const digit of [1, 2, 5]) all.push(digit * 10 ** power);
    return all.filter((tick) => tick >= low && tick <= high);
  }
  const rough = (high - low) / 7 || 1, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) found.push(+tick.toPrecision(10));
  return found;
};

if (chart) {
  const metricPick = document.getElementById("metric"), picturePick = document.getElementById("picture");
  const logBox = document.getElementById("log"), legend = document.getElementById("legend"), tip = document.getElementById("tip");
  let hidden = new Set(), touched = false, places = [];
  let W = 760, H = 520;
  const M = { left: 62, right: 16, top: 14, bottom: 50 };

  const draw = () => {
    const metric = data.metrics[metricPick.value], log = logBox.checked;
    const curves = data.codecs.map((codec) => ({
      codec, points: (codec.points[picturePick.value] || []).map(({ setting, bpp, values, qualities }) =>
        ({ setting, bpp, value: values[metric.name], quality: qualities[metric.name] })).filter((point) => Number.isFinite(point.quality)),
    })).filter((curve) => curve.points.length);
    if (!touched) hidden = new Set(data.codecs.filter((codec) => !codec.learned && !codec.best.includes(metric.name)).map((codec) => codec.name));
    const shown = curves.filter((curve) => !hidden.has(curve.codec.name));
    const fitting = shown.filter((curve) => !curve.codec.published);
    const points = (fitting.length ? fitting : shown).flatMap((curve) => curve.points);
    // as wide as the page has room for, so that text keeps its size on a phone
    W = Math.max(320, Math.min(760, chart.parentElement.clientWidth));
    H = Math.round(Math.max(340, W * 0.68));
    chart.setAttribute("viewBox", `0 0 ${W} ${H}`);
    chart.replaceChildren();
    legend.replaceChildren();
    places = [];
    for (const { codec } of curves) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", !hidden.has(codec.name));
      const key = element("svg", { viewBox: "0 0 36 16", "aria-hidden": "true" });
      element("line", { x1: 1, x2: 35, y1: 8, y2: 8, ...stroke(codec) }, key);
      mark(codec, 18, 8, key);
      button.append(key, codec.title);
      button.addEventListener("click", () => {
        touched = true;
        hidden.has(codec.name) ? hidden.delete(codec.name) : hidden.add(codec.name);
        const index = [...legend.children].indexOf(button);
        draw();
        legend.children[index].focus();
      });
      legend.append(button);
    }
    if (!points.length) return;
    const scale = log ? Math.log : (value) => value;
    const rates = points.map((point) => point.bpp), qualities = points.map((point) => point.quality);
    const left = Math.min(...rates) * (log ? 0.92 : 1), right = Math.max(...rates) * 1.04;
    const margin = 0.04 * (Math.max(...qualities) - Math.min(...qualities)) || 0.5;
    const low = Math.min(...qualities) - margin, high = Math.max(...qualities) + margin;
    const x = (bpp) => M.left + (W - M.left - M.right) * (scale(bpp) - scale(left)) / (scale(right) - scale(left) || 1);
    const y = (quality) => H - M.bottom - (H - M.top - M.bottom) * (quality - low) / (high - low);
    for (const tick of ticks(left, right, log)) {
      element("line", { class: "grid", x1: x(tick), x2: x(tick), y1: M.top, y2: H - M.bottom }, chart);
      element("text", { x: x(tick), y: H - M.bottom + 18, "text-anchor": "middle" }, chart).textContent = tick;
    }
    for (const tick of ticks(low, high, false)) {
      element("line", { class: "grid", x1: M.left, x2: W - M.right, y1: y(tick), y2: y(tick) }, chart);
      element("text", { x: M.left - 7, y: y(tick) + 4, "text-anchor": "end" }, chart).textContent = tick;
    }
    element("text", { x: (M.left + W - M.right) / 2, y: H - 10, "text-anchor": "middle" }, chart).textContent = "bits per pixel";
    element("text", { transform: `translate(15 ${(M.top + H - M.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, chart).textContent = metric.axis;
    const frame = element("clipPath", { id: "frame" }, chart);
    element("rect", { x: M.left, y: M.top, width: W - M.left - M.right, height: H - M.top - M.bottom }, frame);
    const inside = element("g", { "clip-path": "url(#frame)" }, chart);
    for (const { codec, points: its } of [...shown].sort((a, b) => a.codec.learned - b.codec.learned)) {
      const placed = its.map((point) => ({ codec, point, x: x(point.bpp), y: y(point.quality) }));
      element("path", { class: "curve", d: "M" + placed.map((place) => `${place.x.toFixed(1)},${place.y.toFixed(1)}`).join("L"), ...stroke(codec) }, inside);
      for (const place of placed) mark(codec, place.x, place.y, inside);
      places.push(...placed);
    }
    element("circle", { id: "ring", r: 9, fill: "none", stroke: "var(--ink)", "stroke-width": 2, visibility: "hidden" }, chart);
    chart.setAttribute("aria-label", `${metric.title} against bits per pixel, ${picturePick.selectedOptions[0].text}: `
      + shown.map((curve) => curve.codec.title).join(", ") + ". The figures are in the tables below.");
    tip.textContent = "Point at a curve to read its values.";
  };
  const point = (event) => {
    const box = chart.getBoundingClientRect(), px = (event.clientX - box.left) * W / box.width, py = (event.clientY - box.top) * H / box.height;
    const nearest = places.reduce((best, place) => Math.hypot(place.x - px, place.y - py) < Math.hypot(best.x - px, best.y - py) ? place : best, { x: Infinity, y: Infinity });
    if (!nearest.codec) return;
    const ring = document.getElementById("ring"), metric = data.metrics[metricPick.value];
    ring.setAttribute("cx", nearest.x); ring.setAttribute("cy", nearest.y); ring.setAttribute("visibility", "visible");
    const decibels = Math.abs(nearest.point.quality - nearest.point.value) < 0.01 ? "" : ` (on the axis ${nearest.point.quality.toFixed(2)})`;
    tip.textContent = `${nearest.codec.title}${nearest.codec.scale ? `, ${nearest.codec.scale} ${nearest.point.setting}` : ""}: `
      + `${nearest.point.bpp.toFixed(3)} bpp, ${metric.title} ${nearest.point.value.toFixed(metric.decimals)}${decibels}`;
  };
  chart.addEventListener("pointermove", point);
  chart.addEventListener("pointerdown", point);
  metricPick.addEventListener("change", draw);
  for (const control of [picturePick, logBox]) control.addEventListener("change", draw);
  addEventListener("resize", draw);
  draw();
}

/* ---- pictures side by side ---- */
for (const box of document.querySelectorAll(".compare")) {
  const find = (selector) => box.querySelector(selector);
  const choice = find(".pick-comparison"), picks = { left: find(".pick-left"), right: find(".pick-right") };
  let other = null;
  const comparison = () => data.comparisons[choice.value];
  const original = () => {
    [picks.left.value, other] = [picks.left.value === "0" ? other ?? picks.left.length - 1 : 0, picks.left.value];
    show("left");
  };
  const { images, reshape } = makeStage(box, { o: original });
  const show = (side) => {
    const chosen = comparison().shown[picks[side].value];
    images[side].src = "data:image/avif;base64," + data.images[chosen.image];
    images[side].alt = `${comparison().picture}, ${side}: ${chosen.title}, ${chosen.label}`;
    find(`.caption-${side}`).textContent = [chosen.title, chosen.label].filter(Boolean).join(": ");
  };
  const choose = () => {
    for (const [side, first] of [["left", 0], ["right", 1]]) {
      const before = picks[side].selectedOptions[0]?.text, titles = comparison().shown.map((each) => each.title);
      picks[side].replaceChildren(...titles.map((title, index) => new Option(title, index)));
      picks[side].value = titles.includes(before) ? titles.indexOf(before) : Math.min(first, titles.length - 1);
      show(side);
    }
    reshape(comparison().width, comparison().height);
  };
  for (const side of ["left", "right"]) picks[side].addEventListener("change", () => show(side));
  choice.addEventListener("change", choose);
  choose();
}

/* ---- tables to files ---- */
const cells = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.replace(/\s+/g, " ").trim()));
const FORMATS = {
  CSV: { suffix: "csv", write: (rows) => rows.map((row) => row.map((cell) => /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell).join(",")).join("\n") },
  Markdown: { suffix: "md", write: ([head, ...rows]) => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n") },
  LaTeX: { suffix: "tex", write: ([head, ...rows]) => {
    const escape = (row) => row.map((cell) => cell.replace(/\\/g, "\\textbackslash ").replace(/[&%$#_{}]/g, "\\$&")).join(" & ") + " \\\\";
    return [`\\begin{tabular}{l${"r".repeat(head.length - 1)}}`, "\\hline", escape(head), "\\hline", ...rows.map(escape), "\\hline", "\\end{tabular}"].join("\n");
  } },
};
for (const save of document.querySelectorAll(".save")) {
  const table = document.getElementById(save.dataset.table);
  for (const [name, format] of Object.entries(FORMATS)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.setAttribute("aria-label", `save ${table.caption ? table.caption.innerText : table.id} as ${name}`);
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([format.write(cells(table)) + "\n"], { type: "text/plain" }));
      link.download = `${table.id}.${format.suffix}`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
    save.append(button);
  }
}
