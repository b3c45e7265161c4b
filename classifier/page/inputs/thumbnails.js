// The value of the component is the name of the chosen picture. The thumbnails are radio
// buttons, so the browser itself handles the arrow keys.
const show = () => {
  const choice = element.querySelector(`input[value="${CSS.escape(props.value ?? "")}"]`);
  const last = element.querySelector("input:checked");
  if (!choice && last) last.checked = false;
  if (!choice) return;
  choice.checked = true;
  const strip = choice.closest(".thumbnails");
  strip.scrollLeft = choice.parentElement.offsetLeft - strip.clientWidth / 2;
};

element.addEventListener("change", (event) => setValue(event.target.value, "input"));
onValue("input", show);
watch("choices", show);
show();
