// The component's value is the model to fetch. A click on a head sorts by its column, and
// sorts the other way round when it is clicked again.
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
    // What was not measured comes last, whichever way.
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
  if (button.dataset.fetch) {
    props.value = button.dataset.fetch;
    trigger("input");
    return;
  }
  const column = button.parentElement.cellIndex;
  sorted = { column, down: sorted.column === column && !sorted.down };
  order();
});
watch("table", order);
order();
