// The table of the tab Many. The value of the component is the text that the server has sent so
// far, with a JSON object on each line. Only new lines are read and added to the table.
const MOST_COUNTS = 8;
let seen = "";
let batch = {};
let rows = [];

const part = (name) => element.querySelector(`[data-part="${name}"]`);
const number = (value) => value.toLocaleString("en");
const pictures = (count) => `${number(count)} ${count === 1 ? "picture" : "pictures"}`;
const time = (seconds) =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
const percent = (part) => {
  if (part >= 0.9995 && part < 1) return "> 99.9 %";
  if (part > 0 && part < 0.0005) return "< 0.1 %";
  return `${(part * 100).toFixed(1)} %`;
};

// Names come from visitors, so they become text and attributes, never markup.
const make = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

const add = (row) => {
  const line = make("tr", "");
  const picture = make("td", "");
  if (row.thumbnail) picture.append(make("img", "", { src: row.thumbnail, alt: "" }));
  line.append(picture, make("th", row.image, { scope: "row", title: row.image }));
  if (row.error) line.append(make("td", row.error, { colspan: 2, class: "error" }));
  else {
    const [first] = row.predictions;
    line.append(make("td", first.label), make("td", percent(first.probability)));
  }
  part("rows").append(line);
  rows.push(row);
};

const state = () => {
  const words = [];
  const rate = rows.length / batch.seconds;
  const left = batch.pictures - rows.length;
  const failed = rows.filter((row) => row.error).length;
  if (batch.stopped) words.push(`Stopped after ${number(rows.length)} of ${pictures(batch.pictures ?? 0)}`);
  else if (batch.end) words.push(`${pictures(rows.length)} in ${time(batch.seconds)}`);
  else words.push(`${number(rows.length)} of ${pictures(batch.pictures)}`);
  if (rows.length && batch.seconds) words.push(`${rate.toFixed(rate < 10 ? 1 : 0)} a second`);
  if (rows.length && left && !batch.stopped) words.push(`${time(left / rate)} left`);
  if (failed) words.push(`${number(failed)} could not be read`);
  return words.join(" · ");
};

const counts = () => {
  const labels = new Map();
  for (const { predictions } of rows)
    if (predictions) labels.set(predictions[0].label, (labels.get(predictions[0].label) ?? 0) + 1);
  const sorted = [...labels].sort((one, other) => other[1] - one[1]);
  const shown = sorted.slice(0, MOST_COUNTS).map(([label, count]) => {
    const item = make("li", `${label} `);
    item.append(make("b", number(count)));
    return item;
  });
  const more = sorted.length - shown.length;
  if (more > 0) shown.push(make("li", `and ${number(more)} more`));
  return shown;
};

const show = () => {
  const text = props.value ?? "";
  if (!text.startsWith(seen) || !text) {
    [seen, batch, rows] = ["", {}, []];
    part("rows").replaceChildren();
  }
  for (const line of text.slice(seen.length).split("\n").filter(Boolean)) {
    const update = JSON.parse(line);
    if (update.image === undefined) Object.assign(batch, update);
    else add(update);
  }
  seen = text;
  const started = Object.keys(batch).length > 0;
  part("invitation").hidden = started;
  part("batch").hidden = !started;
  if (!started) return;
  part("state").textContent = state();
  part("bar").max = batch.pictures ?? 1;
  part("bar").value = rows.length;
  part("bar").hidden = Boolean(batch.end || batch.stopped);
  part("counts").replaceChildren(...counts());
  part("table").hidden = part("csv").hidden = rows.length === 0;
};

// Spreadsheets would run a cell that starts like a formula.
const cell = (value) => {
  const text = String(value).replace(/^(?=[=+\-@\t\r\n])/, "'");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csv = () => {
  const places = [1, 2, 3, 4, 5];
  const head = ["image", ...places.flatMap((place) => [`label_${place}`, `probability_${place}`]), "error"];
  const lines = rows.map((row) => [
    row.image,
    ...places.flatMap((place) => {
      const top = row.predictions?.[place - 1];
      return top ? [top.label, top.probability] : ["", ""];
    }),
    row.error ?? "",
  ]);
  return [head, ...lines].map((line) => line.map(cell).join(",") + "\r\n").join("");
};

part("csv").addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob(["\ufeff", csv()], { type: "text/csv" }));
  const name = batch.model.replace(/\W+/g, "-").replace(/^-|-$/g, "");
  const link = make("a", "", { href: address, download: `pictures-${name}.csv` });
  link.click();
  URL.revokeObjectURL(address);
});
watch("value", show);
show();
