// Gradio sends every value back to the component that set it, sometimes after the visitor has
// set a newer one. `setValue` and `onValue` make sure that the newest value stays.
const sent = [];

const setValue = (value, event) => {
  sent.push(JSON.stringify(value));
  props.value = value;
  trigger(event);
};

const onValue = (event, show) => watch("value", () => {
  const place = sent.indexOf(JSON.stringify(props.value));
  const newest = sent.at(-1);
  sent.splice(0, place < 0 ? sent.length : place + 1);
  if (!sent.length) {
    show();
    return;
  }
  props.value = JSON.parse(newest);
  trigger(event);
});
