// The value of the component is an object of edits by name. While a slider moves, only the
// number next to it changes. When it is released, the value does.
const controls = () => [...element.querySelectorAll("input, select")];

const write = (control) => {
  const output = control.parentElement.querySelector("output");
  if (output) output.textContent = control.value + (control.dataset.unit ?? "");
};

const show = () => controls().forEach((control) => {
  if (control.value != props.value[control.name]) control.value = props.value[control.name];
  write(control);
});

element.addEventListener("input", (event) => write(event.target));
element.addEventListener("change", () => setValue(
  Object.fromEntries(controls().map((control) =>
    [control.name, control.type === "range" ? Number(control.value) : control.value])),
  "change",
));
onValue("change", show);
show();
