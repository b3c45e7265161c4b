// The links under an answer: one draws the bars as a picture, another copies an address.

const WIDTH = 1200;
const MARGIN = 60;
const ROW = 92;
const TOP = 190;
const FONT = "system-ui, sans-serif";
const INK = "#1e293b";
const QUIET = "#475569";
const TRACK = "#e2e8f0";
const ACCENT = "#4f46e5";

const fitted = (pen, text, width) => {
  if (pen.measureText(text).width <= width) return text;
  const letters = [...text];
  while (letters.length && pen.measureText(letters.join("") + "…").width > width) letters.pop();
  return letters.join("") + "…";
};

const percent = (probability) => {
  if (probability >= 0.9995 && probability < 1) return "> 99.9 %";
  if (probability > 0 && probability < 0.0005) return "< 0.1 %";
  return `${(probability * 100).toFixed(1)} %`;
};

const bar = (pen, left, top, width, height, colour) => {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(left, top, width, height, Math.min(height, width) / 2);
  pen.fill();
};

const draw = (record) => {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = TOP + record.predictions.length * ROW + 30;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);

  const inner = WIDTH - 2 * MARGIN;
  pen.fillStyle = INK;
  pen.font = `600 44px ${FONT}`;
  pen.fillText(fitted(pen, record.image, inner), MARGIN, 90);
  pen.fillStyle = QUIET;
  pen.font = `30px ${FONT}`;
  const edits = record.edits ? " · edited" : "";
  pen.fillText(`The likeliest labels · model ${record.model}${edits}`, MARGIN, 140);

  record.predictions.forEach(({ label, probability }, place) => {
    const top = TOP + place * ROW;
    pen.font = `32px ${FONT}`;
    pen.fillStyle = INK;
    pen.textAlign = "right";
    pen.fillText(percent(probability), WIDTH - MARGIN, top + 34);
    pen.textAlign = "left";
    pen.fillText(fitted(pen, label, inner - 200), MARGIN, top + 34);
    bar(pen, MARGIN, top + 50, inner, 18, TRACK);
    bar(pen, MARGIN, top + 50, Math.max(4, inner * probability), 18, ACCENT);
  });
  return canvas;
};

const save = (canvas, name) => canvas.toBlob((blob) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}, "image/png");

const copy = async (link) => {
  try {
    await navigator.clipboard.writeText(link.href);
  } catch {
    window.open(link.href); // only pages that are served over HTTPS may copy
    return;
  }
  const text = link.textContent;
  link.textContent = link.dataset.copy;
  setTimeout(() => { link.textContent = text; }, 2000);
};

element.addEventListener("click", (event) => {
  const link = event.target.closest("[data-bars], [data-copy]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (link.dataset.bars) save(draw(JSON.parse(link.dataset.bars)), link.dataset.name);
  else copy(link);
});
element.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches("[role=button]")) {
    event.preventDefault();
    event.target.click();
  }
});
