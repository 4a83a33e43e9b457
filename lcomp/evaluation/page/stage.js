"use strict";
/* The stage of a section: two pictures under a dividing line, moved and zoomed together. Its keys work while it has the
   focus; `more` are further ones of the page, and `placed` is called when the pictures have moved. */
const makeStage = (section, more = {}, placed = () => {}) => {
  const find = (selector) => section.querySelector(selector);
  const stage = find(".stage"), range = find(".divide"), difference = find(".difference-button"), zoomText = find(".zoom");
  const images = { left: find(".left img"), right: find(".right img") };
  let zoom = 1, shift = [0, 0], at = 50, drag = null;
  const place = () => {
    const width = stage.clientWidth, height = stage.clientHeight;
    shift = [Math.min(0, Math.max(width * (1 - zoom), shift[0])), Math.min(0, Math.max(height * (1 - zoom), shift[1]))];
    for (const image of Object.values(images)) image.style.transform = `translate(${shift[0]}px, ${shift[1]}px) scale(${zoom})`;
    stage.classList.toggle("zoomed", zoom > 1);
    zoomText.textContent = `${zoom}x`;
    placed();
  };
  const move = (percent) => {
    at = Math.min(100, Math.max(0, percent));
    range.value = at;
    stage.style.setProperty("--at", at + "%");
  };
  const enlarge = (factor) => {
    const before = zoom, centre = [stage.clientWidth / 2, stage.clientHeight / 2];
    zoom = Math.min(8, Math.max(1, zoom * factor));
    shift = shift.map((each, axis) => centre[axis] - (centre[axis] - each) * zoom / before);
    place();
  };
  const toggle = () => difference.setAttribute("aria-pressed", stage.classList.toggle("difference"));
  const pan = (x, y) => { shift = [shift[0] + x, shift[1] + y]; place(); };
  const reshape = (width, height) => {
    stage.style.aspectRatio = `${width} / ${height}`;
    find(".frame").style.setProperty("--width", `${Math.max(width, 480)}px`);
    place();
  };
  /* where in the picture an event is, from 0 to 1 in both directions */
  const spot = (event) => {
    const bounds = stage.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - bounds.left - shift[0]) / (bounds.width * zoom)), inside((event.clientY - bounds.top - shift[1]) / (bounds.height * zoom))];
  };
  /* where in the stage such a place is, and how wide the picture is there, in pixels of the page */
  const placeOf = ([x, y]) => ({ x: shift[0] + x * stage.clientWidth * zoom, y: shift[1] + y * stage.clientHeight * zoom, width: stage.clientWidth * zoom });
  range.addEventListener("input", () => move(+range.value));
  find(".zoom-in").addEventListener("click", () => enlarge(2));
  find(".zoom-out").addEventListener("click", () => enlarge(0.5));
  difference.addEventListener("click", toggle);
  stage.addEventListener("pointerdown", (event) => {
    const bounds = stage.getBoundingClientRect(), percent = 100 * (event.clientX - bounds.left) / bounds.width;
    const slides = zoom === 1 || Math.abs(percent - at) * bounds.width / 100 < 24;
    drag = { slides, x: event.clientX, y: event.clientY, shift: [...shift] };
    stage.setPointerCapture(event.pointerId);
    if (slides && event.pointerType === "mouse") move(percent);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const bounds = stage.getBoundingClientRect();
    if (drag.slides) return move(100 * (event.clientX - bounds.left) / bounds.width);
    shift = [drag.shift[0] + event.clientX - drag.x, drag.shift[1] + event.clientY - drag.y];
    place();
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { drag = null; });
  const keys = {
    ArrowLeft: (event) => event.shiftKey ? pan(60, 0) : move(at - 2), ArrowRight: (event) => event.shiftKey ? pan(-60, 0) : move(at + 2),
    ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60), Home: () => move(0), End: () => move(100),
    "+": () => enlarge(2), "=": () => enlarge(2), "-": () => enlarge(0.5), d: toggle, ...more,
  };
  stage.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    if (["ArrowUp", "ArrowDown"].includes(event.key) && !event.shiftKey) return;
    event.preventDefault();
    keys[event.key](event);
  });
  addEventListener("resize", place);
  move(50);
  place();
  return { stage, images, reshape, spot, placeOf };
};
