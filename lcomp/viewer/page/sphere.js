/* ---- panoramas ---- */
/* Both pictures of the stage as the inside of a sphere, seen from its middle. While that is on, it takes what is done on
   the stage with arrow keys, wheel, pointer and zoom buttons; the dividing line and the difference remain the stage's. */
const VERTEX = `#version 300 es
out vec2 at;
void main() {
  at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4. - 1.;
  gl_Position = vec4(at, 0, 1);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D left, right;
uniform vec2 extent;  /* tangents of half the field of view */
uniform vec2 turn;  /* to the right and up */
uniform vec4 part;  /* of the sphere: left, top, width and height, as shares of all */
uniform float line;  /* where the right picture begins */
uniform float difference;  /* how many times it is shown, 0 for the pictures */
in vec2 at;
out vec4 colour;
void main() {
  vec2 c = cos(turn), s = sin(turn);
  vec3 ahead = vec3(at * extent, 1);
  ahead.yz = vec2(ahead.y * c.y + ahead.z * s.y, ahead.z * c.y - ahead.y * s.y);
  ahead.xz = vec2(ahead.x * c.x + ahead.z * s.x, ahead.z * c.x - ahead.x * s.x);
  vec2 share = vec2(atan(ahead.x, ahead.z) / 2., -atan(ahead.y, length(ahead.xz))) / radians(180.) + .5;
  vec2 place = vec2(fract(share.x - part.x), share.y - part.y) / part.zw;
  vec4 one = texture(left, place), other = texture(right, place);
  if (place.x > 1. || place.y < 0. || place.y > 1.) colour = vec4(0, 0, 0, 1);
  else if (difference > 0.) colour = vec4(min(abs(one.rgb - other.rgb) * difference, 1.), 1);
  else colour = at.x < line ? one : other;
}`;
const DIFFERENCE = 6;
const WIDEST = 2, NARROWEST = 0.2, USUAL = Math.PI / 2;
const NEAR_LINE = 24;

/* a program of two shaders; null where they do not run */
const shaderProgram = (gl) => {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
};

/* null where the browser has no WebGL 2 */
const makeSphere = (section, stage, images) => {
  const canvas = section.querySelector(".sphere"), range = section.querySelector(".divide"), zoomText = section.querySelector(".zoom");
  const gl = canvas.getContext("webgl2", { antialias: false }), program = gl && shaderProgram(gl);
  if (!program) return null;
  gl.useProgram(program);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const places = Object.fromEntries(["left", "right", "extent", "turn", "part", "line", "difference"].map((name) => [name, uniform(name)]));
  const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
  let panorama = null, on = false, drag = null, waiting = 0;
  let turn = [0, 0], width = USUAL;

  /* ---- pictures ---- */
  const fitting = (image) => {
    const scale = Math.min(1, most / Math.max(image.naturalWidth, image.naturalHeight));
    if (scale === 1) return image;
    const smaller = Object.assign(document.createElement("canvas"), { width: image.naturalWidth * scale, height: image.naturalHeight * scale });
    smaller.getContext("2d").drawImage(image, 0, 0, smaller.width, smaller.height);
    return smaller;
  };
  const textures = { left: gl.createTexture(), right: gl.createTexture() };
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
  Object.keys(textures).forEach((side, number) => {
    gl.activeTexture(gl.TEXTURE0 + number);
    gl.bindTexture(gl.TEXTURE_2D, textures[side]);
    for (const [name, value] of [["MIN_FILTER", "LINEAR"], ["MAG_FILTER", "LINEAR"], ["WRAP_T", "CLAMP_TO_EDGE"]]) gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}`], gl[value]);
    gl.uniform1i(places[side], number);
  });
  const load = (side) => {
    if (!on || !images[side].complete || !images[side].naturalWidth) return;
    gl.activeTexture(gl.TEXTURE0 + Object.keys(textures).indexOf(side));
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, fitting(images[side]));
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, panorama.around ? gl.REPEAT : gl.CLAMP_TO_EDGE);
    redraw();
  };

  /* ---- drawing ---- */
  const extent = () => [Math.tan(width / 2), Math.tan(width / 2) * stage.clientHeight / stage.clientWidth];
  const draw = () => {
    waiting = 0;
    if (!on) return;
    canvas.width = Math.round(stage.clientWidth * devicePixelRatio);
    canvas.height = Math.round(stage.clientHeight * devicePixelRatio);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.uniform2f(places.extent, ...extent());
    gl.uniform2f(places.turn, ...turn);
    gl.uniform4f(places.part, ...panorama.part);
    gl.uniform1f(places.line, range.value / 50 - 1);
    gl.uniform1f(places.difference, stage.classList.contains("difference") ? DIFFERENCE : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    zoomText.textContent = `${Math.round(width * 180 / Math.PI)}\u00b0`;
  };
  const redraw = () => { waiting ||= requestAnimationFrame(draw); };

  /* ---- turning ---- */
  const turnTo = (right, up) => {
    turn = [right % (2 * Math.PI), Math.min(Math.PI / 2, Math.max(-Math.PI / 2, up))];
    redraw();
  };
  const widen = (factor) => {
    width = Math.min(WIDEST, Math.max(NARROWEST, width * factor));
    redraw();
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const zooms = { "+": 1 / 1.25, "=": 1 / 1.25, "-": 1.25 };
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (steps[event.key]) turnTo(turn[0] + steps[event.key][0] * width / 12, turn[1] + steps[event.key][1] * width / 12);
    else if (zooms[event.key]) widen(zooms[event.key]);
    else return false;
    return true;
  };
  const press = (event) => {
    const bounds = stage.getBoundingClientRect(), line = bounds.left + bounds.width * range.value / 100;
    if (!stage.classList.contains("difference") && Math.abs(event.clientX - line) < NEAR_LINE) return false;
    drag = { x: event.clientX, y: event.clientY, turn };
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    return true;
  };
  const move = (event) => {
    if (!drag) return false;
    const perPixel = 2 * extent()[0] / stage.clientWidth;
    turnTo(drag.turn[0] - (event.clientX - drag.x) * perPixel, drag.turn[1] + (event.clientY - drag.y) * perPixel);
    return true;
  };
  const release = () => {
    drag = null;
    return false;
  };
  const wheel = (event) => {
    widen(Math.exp(event.deltaY / 1000));
    return true;
  };
  /* before the stage sees them */
  for (const [type, handle] of Object.entries({ keydown: key, pointerdown: press, pointermove: move, pointerup: release, pointercancel: release, wheel })) {
    section.addEventListener(type, (event) => {
      if (!on || !stage.contains(event.target) || !handle(event)) return;
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true, passive: false });
  }
  section.querySelector(".zooming").addEventListener("click", (event) => {
    const button = on && event.target.closest("button");
    if (!button) return;
    event.stopPropagation();
    widen(button.classList.contains("zoom-in") ? 1 / 1.25 : 1.25);
  }, true);
  new MutationObserver(redraw).observe(stage, { attributes: true });  /* the line, the difference */
  new ResizeObserver(redraw).observe(stage);
  addEventListener("resize", redraw);  /* the stage has written its own zoom */
  for (const [side, image] of Object.entries(images)) image.addEventListener("load", () => load(side));

  /* ---- what the page asks for ---- */
  const isOn = () => on;
  /* where in the picture an event is, from 0 to 1 in both directions */
  const spot = (event) => {
    const bounds = stage.getBoundingClientRect(), [x, y] = extent();
    const across = (2 * (event.clientX - bounds.left) / bounds.width - 1) * x, up = (1 - 2 * (event.clientY - bounds.top) / bounds.height) * y;
    const [high, ahead] = [up * Math.cos(turn[1]) + Math.sin(turn[1]), Math.cos(turn[1]) - up * Math.sin(turn[1])];
    const longitude = Math.atan2(across, ahead) + turn[0], latitude = Math.atan2(high, Math.hypot(across, ahead));
    const [left, top, wide, tall] = panorama.part, round = longitude / (2 * Math.PI) + 0.5 - left;
    return [(round - Math.floor(round)) / wide, (0.5 - latitude / Math.PI - top) / tall].map((share) => Math.min(1, Math.max(0, share)));
  };
  /* show a panorama as the page's data have it: top, bottom, whether it goes around, left, right; null for none */
  const show = (shown) => {
    const before = on;
    on = shown !== null;
    stage.classList.toggle("inside", on);
    canvas.hidden = !on;
    if (!on) return before && dispatchEvent(new Event("resize"));  /* the stage places its pictures again */
    const [top, bottom, around, left, right] = shown;
    panorama = { around, part: [left / (2 * Math.PI) + 0.5, 0.5 - top / Math.PI, around ? 1 : (right - left) / (2 * Math.PI), (top - bottom) / Math.PI] };
    if (!before) turnTo((left + right) / 2, (top + bottom) / 2);
    Object.keys(textures).forEach(load);
  };
  return { isOn, spot, show };
};
