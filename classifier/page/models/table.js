// The value of the component is the model to download. A click on a column header sorts by that
// column, and a second click reverses the order.
let sorted = { column: -1, down: false };

const order = () => {
  const heads = [...element.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    if (!head.firstElementChild) return;
    const way = sorted.down ? "descending" : "ascending";
    head.setAttribute("aria-sort", column === sorted.column ? way : "none");
  });
  if (sorted.column < 0) return;
  const body = element.querySelector("tbody");
  const value = (row) => row.children[sorted.column].dataset.value;
  const compare = (one, other) => {
    // Models without a measurement come last in both orders.
    if (value(one) === "" || value(other) === "") return (value(one) === "") - (value(other) === "");
    const ascending = sorted.column === 0
      ? value(one).localeCompare(value(other))
      : value(one) - value(other);
    return sorted.down ? -ascending : ascending;
  };
  body.append(...[...body.rows].sort(compare));
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.download) {
    setValue(button.dataset.download, "input");
    return;
  }
  const column = button.parentElement.cellIndex;
  sorted = { column, down: sorted.column === column && !sorted.down };
  order();
});
watch("table", order);
order();
