/* ---- what is chosen ---- */
const data = JSON.parse(document.getElementById("data").textContent);
const SIDES = ["left", "right"];
const section = document.getElementById("view");
const each = (build) => Object.fromEntries(SIDES.map((side) => [side, build(side)]));
const controls = each((side) => {
  const box = section.querySelector(`.choice.${side}`);
  return { file: box.querySelector("select"), decoders: box.querySelector(".decoders"), realism: box.querySelector(".realism"), slider: box.querySelector(".realism input"), value: box.querySelector("output") };
});
const fits = (one, other) => one.width === other.width && one.height === other.height;
const usual = (file) => file.versions[file.usual];
const decodersOf = (file) => [...new Set(file.versions.map((version) => version.decoder).filter(Boolean))];
const stepsOf = (file, decoder) => file.versions.filter((version) => version.decoder === decoder && version.realism !== null);
const isOriginal = (file) => file.is_original;

/* the file at first: on the right one that was coded; on the left its original, another file, or another decoder */
const first = data.files.findIndex((file) => !isOriginal(file));
const other = data.files.findIndex((file, index) => index !== first && !isOriginal(file) && fits(file, data.files[first]));
const start = (file, version = usual(data.files[file])) => ({ file, decoder: version.decoder, realism: version.realism ?? 1 });
const chosen = { right: start(first) };
if (data.files[first].original !== null) chosen.left = start(data.files[first].original);
else if (other >= 0) [chosen.left, chosen.right] = [chosen.right, start(other)];
else chosen.left = start(first, data.files[first].versions.findLast((version) => version.decoder !== chosen.right.decoder) ?? usual(data.files[first]));

const fileOn = (side) => data.files[chosen[side].file];
const versionOn = (side) => {
  const { decoder, realism } = chosen[side], its = fileOn(side).versions.filter((version) => version.decoder === decoder);
  return its.find((version) => version.realism === realism) ?? its.at(-1);
};

/* ---- words ---- */
const decoderOf = (version) => [version.decoder, version.realism === null ? null : `realism ${version.realism}`].filter((part) => part !== null).join(", ");
const titleOf = (file, version) => [file.name, decoderOf(version)].filter(Boolean).join(", ");
const scoresOf = (version) => version.scores.map((score, index) => `${data.metrics[index].replace(", dB", "")} ${score}`);
const INVENTED = "adds texture that is invented from noise: it is no evidence of what was there. Every step of realism is shown as lcomp decode --realism makes it.";

/* ---- the stage ---- */
const lenses = each((side) => section.querySelector(`.magnifier .${side} img`));
const magnifier = section.querySelector(".magnifier"), magnify = section.querySelector(".magnifier-button");
let place = [0.5, 0.5];
const LENS = 4;
const mark = section.querySelector(".spot");
const placeLenses = () => {
  mark.hidden = magnifier.hidden;
  if (magnifier.hidden) return;
  for (const side of SIDES) {
    const image = lenses[side], box = image.parentElement, width = image.naturalWidth, height = image.naturalHeight;
    image.style.transform = `translate(${box.clientWidth / 2 - place[0] * width * LENS}px, ${box.clientHeight / 2 - place[1] * height * LENS}px) scale(${LENS})`;
  }
  /* what the lenses show, as a frame on the stage */
  const { x, y, width } = placeOf(place), { clientWidth, clientHeight } = lenses.left.parentElement;
  const perPixel = width / lenses.left.naturalWidth;
  Object.assign(mark.style, { left: `${x}px`, top: `${y}px`, width: `${clientWidth / LENS * perPixel}px`, height: `${clientHeight / LENS * perPixel}px` });
};
const toggleMagnifier = () => {
  magnifier.hidden = !magnifier.hidden;
  magnify.setAttribute("aria-pressed", !magnifier.hidden);
  placeLenses();
};
const swap = () => {
  [chosen.left, chosen.right] = [chosen.right, chosen.left];
  show();
};
let before = null;
const original = () => {
  const file = isOriginal(fileOn("left")) ? null : fileOn("left").original ?? fileOn("right").original;
  if (file !== null) [before, chosen.left] = [chosen.left, start(file)];
  else if (before && fits(data.files[before.file], fileOn("right"))) [before, chosen.left] = [null, before];
  show();
};
const chooseDecoder = (side, decoder) => {
  if (!decoder) return;
  chosen[side].decoder = decoder;
  show();
};
const moreRealism = (steps) => {
  const its = stepsOf(fileOn("right"), chosen.right.decoder), index = its.indexOf(versionOn("right"));
  if (index >= 0) chosen.right.realism = its[Math.min(its.length - 1, Math.max(0, index + steps))].realism;
  show();
};
const digits = Object.fromEntries([...Array(9).keys()].map((index) => [index + 1, () => chooseDecoder("right", decodersOf(fileOn("right"))[index])]));
const look = section.querySelector(".look-button");
const lookAround = () => {
  if (look.hidden) return;
  look.setAttribute("aria-pressed", !sphere.isOn());
  showSphere();
};
const { stage, images, reshape, spot, placeOf } = makeStage(section, {
  ...digits, "[": () => moreRealism(-1), "]": () => moreRealism(1), o: original, s: swap, m: toggleMagnifier, l: lookAround,
}, placeLenses);
const sphere = makeSphere(section, stage, images);
/* a panorama is seen from inside at first; what is flat, or has no WebGL, has no choice */
const showSphere = () => {
  const panorama = fileOn("left").sphere ?? fileOn("right").sphere;
  look.hidden = !sphere || !panorama;
  sphere?.show(!look.hidden && look.getAttribute("aria-pressed") === "true" ? panorama : null);
};

/* ---- showing ---- */
const cell = (text, tag = "td") => Object.assign(document.createElement(tag), { textContent: text });
/* a row of a table, of which the first columns are text and the others numbers; with `last` the last is text too */
const tableRow = (texts, tag, columns, last = false) => {
  const row = document.createElement("tr");
  row.append(...texts.map((text, index) => {
    const made = cell(text, tag), isLast = last && index === texts.length - 1;
    if (index < columns || isLast) made.className = isLast ? "text last" : "text";
    if (tag === "th") made.scope = "col";
    return made;
  }));
  return row;
};
const rows = [];
const fillTables = () => {
  const files = document.getElementById("files"), scores = document.getElementById("scores");
  files.createTHead().append(tableRow(["file", "pixels", "size", "what it is"], "th", 1, true));
  const body = files.createTBody();
  for (const file of data.files) body.append(tableRow([file.name, `${file.width}x${file.height}`, file.size, [...file.facts, ...file.notes].join(", ")], "td", 1, true));
  if (!data.metrics.length) return;
  document.getElementById("scores-section").hidden = false;
  const several = data.files.filter((file) => file.original !== null).length > 1;
  scores.createTHead().append(tableRow([...(several ? ["file"] : []), "decoder", ...data.metrics], "th", several ? 2 : 1));
  const lines = scores.createTBody();
  for (const file of data.files) {
    for (const version of file.versions.filter((version) => version.scores.length)) {
      const row = tableRow([...(several ? [file.name] : []), decoderOf(version) || "-", ...version.scores], "td", several ? 2 : 1);
      rows.push({ row, version });
      lines.append(row);
    }
  }
};
const fillChoices = (side) => {
  const { file, decoders, realism, slider, value } = controls[side], its = fileOn(side), version = versionOn(side);
  const possible = data.files.map((each, index) => ({ each, index })).filter(({ each }) => side === "left" || fits(each, fileOn("left")));
  file.replaceChildren(...possible.map(({ each, index }) => new Option(isOriginal(each) ? `${each.name} (original)` : each.name, index)));
  file.value = chosen[side].file;
  const names = decodersOf(its);
  if (decoders.dataset.names !== names.join()) {
    decoders.dataset.names = names.join();
    decoders.replaceChildren(...names.map((name) => {
      const label = document.createElement("label"), input = Object.assign(document.createElement("input"), { type: "radio", name: `decoder-${side}`, value: name });
      input.addEventListener("change", () => chooseDecoder(side, name));
      label.append(input, name);
      return label;
    }));
  }
  decoders.hidden = !names.length;
  for (const input of decoders.querySelectorAll("input")) input.checked = input.value === version.decoder;
  const steps = stepsOf(its, version.decoder);
  realism.hidden = steps.length < 2;
  if (realism.hidden) return;
  Object.assign(slider, { min: 0, max: steps.length - 1, step: 1 });
  slider.value = steps.indexOf(version);
  value.textContent = version.realism;
  slider.setAttribute("aria-valuetext", version.realism);
};
const show = () => {
  if (!fits(fileOn("left"), fileOn("right"))) chosen.right = start(data.files.findIndex((file) => fits(file, fileOn("left"))));
  for (const side of SIDES) {
    const file = fileOn(side), version = versionOn(side), title = titleOf(file, version);
    fillChoices(side);
    for (const image of [images[side], lenses[side]]) image.src = data.images[version.image];
    images[side].alt = `${side}: ${title}`;
    lenses[side].alt = `${side}, magnified`;
    section.querySelector(`.caption-${side}`).textContent = `${title}: ${[file.size, ...scoresOf(version)].join(", ")}`;
  }
  const shared = fileOn("left").notes.filter((note) => fileOn("right").notes.includes(note));
  const notes = shared.map((note) => `${note[0].toUpperCase()}${note.slice(1)}.`);
  for (const side of SIDES) notes.push(...fileOn(side).notes.filter((note) => !shared.includes(note)).map((note) => `${fileOn(side).name}: ${note}.`));
  const inventing = [...new Set(SIDES.map(versionOn).filter((version) => version.realism).map((version) => version.decoder))];
  notes.push(...inventing.map((decoder) => `${decoder} ${INVENTED}`));
  document.getElementById("notes").replaceChildren(...[...new Set(notes)].map((note) => Object.assign(cell(note, "p"), { className: "warning" })));
  showSphere();
  for (const { row, version } of rows) row.classList.toggle("shown", SIDES.some((side) => versionOn(side) === version));
};
let shape = null;
const shapeStage = () => {
  const { naturalWidth: width, naturalHeight: height } = images.left;
  if (!width || shape === `${width}x${height}`) return;
  shape = `${width}x${height}`;
  reshape(width, height);
};
for (const side of SIDES) {
  const { file, slider } = controls[side];
  file.addEventListener("change", () => {
    const to = start(+file.value), its = data.files[to.file];
    if (decodersOf(its).includes(chosen[side].decoder)) Object.assign(to, { decoder: chosen[side].decoder, realism: chosen[side].realism });
    chosen[side] = to;
    show();
  });
  slider.addEventListener("input", () => {
    chosen[side].realism = stepsOf(fileOn(side), chosen[side].decoder)[slider.value].realism;
    show();
  });
  lenses[side].addEventListener("load", placeLenses);
}
images.left.addEventListener("load", shapeStage);
section.querySelector(".swap-button").addEventListener("click", swap);
magnify.addEventListener("click", toggleMagnifier);
look.addEventListener("click", lookAround);
stage.addEventListener("pointermove", (event) => {
  place = sphere?.isOn() ? sphere.spot(event) : spot(event);
  placeLenses();
});
magnifier.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const sizes = [lenses.left.naturalWidth, lenses.left.naturalHeight];
  place = place.map((at, axis) => Math.min(1, Math.max(0, at + 16 * step[axis] / sizes[axis])));
  placeLenses();
});
fillTables();
show();
stage.focus({ preventScroll: true });
