// The slider sets how strong the heatmap is drawn over the picture.
element.addEventListener("input", (event) => {
  if (event.target.type === "range")
    event.target.closest(".explanation").style.setProperty("--strength", event.target.value);
});
