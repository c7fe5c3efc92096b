// The tray as the camera sees it now: one picture after the other, so that a slow line is never asked for two.
import { text } from "./texts.js";

const by = (id) => document.getElementById(id);
const EVERY_MS = 1000;

export function watchTray(connected) {
  const again = () => setTimeout(() => watchTray(connected), EVERY_MS);
  if (!connected() || document.hidden) return void again();
  const next = new Image();
  Object.assign(next, { id: "tray", alt: text("tray_now") });
  next.onload = () => (by("tray").replaceWith(next), again());
  next.onerror = again;
  next.src = `/api/v1/tray.jpg?${Date.now()}`;
}

export function showSeen({ phase, box }) {
  const words = text(`phase_${phase}`);
  by("phase").hidden = false;
  if (by("phase").textContent !== words) by("phase").textContent = words;
  by("box").hidden = !box;
  if (!box) return;
  const [left, top, width, height] = box.map((share) => `${share * 100}%`);
  Object.assign(by("box").style, { left, top, width, height });
}
