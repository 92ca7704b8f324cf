/**
 * What moves on the page: zooming (buttons, Ctrl and the wheel, + and -) and telling what lies under the pointer. The page can
 * be read without it.
 */
export const script = `
"use strict";
const frame = document.querySelector(".frame");
const sheet = document.querySelector(".sheet");
const tip = document.getElementById("tip");
let zoom = 1;
function zoomTo(next, at) {
  const before = zoom;
  zoom = Math.min(400, Math.max(1, next));
  const x = frame.scrollLeft + at;
  sheet.style.setProperty("--zoom", zoom);
  frame.scrollLeft = (x * zoom) / before - at;
}
const middle = () => frame.clientWidth / 2;
document.getElementById("in").onclick = () => zoomTo(zoom * 1.6, middle());
document.getElementById("out").onclick = () => zoomTo(zoom / 1.6, middle());
document.getElementById("all").onclick = () => zoomTo(1, 0);
frame.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoomTo(zoom * Math.exp(-event.deltaY / 300), event.clientX - frame.getBoundingClientRect().left);
}, { passive: false });
document.addEventListener("keydown", (event) => {
  if (event.key === "+" || event.key === "=") zoomTo(zoom * 1.6, middle());
  if (event.key === "-") zoomTo(zoom / 1.6, middle());
  if (event.key === "0") zoomTo(1, 0);
});
sheet.addEventListener("mousemove", (event) => {
  const told = event.target.closest("[data-tip]");
  tip.style.display = told ? "block" : "none";
  if (!told) return;
  tip.textContent = told.dataset.tip;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(0, Math.min(event.clientX + 12, innerWidth - width - 8)) + "px";
  tip.style.top = Math.max(0, Math.min(event.clientY + 14, innerHeight - height - 8)) + "px";
});
sheet.addEventListener("mouseleave", () => { tip.style.display = "none"; });
`;
