import { describe, expect, test } from "vitest";
import {
  boxOf,
  cellAt,
  cellSize,
  clampWindow,
  fitPlot,
  panWindow,
  showCell,
  visibleCells,
  WHOLE_MATRIX,
  zoomWindow,
} from "../../src/lib";

const PLOT = fitPlot(200, 300, [400, 600]);

describe("fitPlot", () => {
  test("fits square cells into the room", () => {
    expect(PLOT).toMatchObject({ width_px: 600, height_px: 400, cell_width_px: 2, cell_height_px: 2 });
    const small = fitPlot(3, 3, [500, 700]);
    expect([small.cell_width_px, small.width_px, small.height_px]).toEqual([40, 120, 120]);
  });

  test("gives cells a whole number of screen pixels where that costs little", () => {
    expect(fitPlot(100, 100, [590, 590]).cell_width_px).toBe(5.9);
    expect(fitPlot(100, 100, [530, 530]).cell_width_px).toBe(5);
    expect(fitPlot(100, 100, [530, 530], 2).cell_width_px).toBe(5);
  });

  test("never exceeds the room, however long the text", () => {
    const long = fitPlot(8192, 8192, [500, 480]);
    expect(long.width_px).toBe(480);
    expect(long.height_px).toBe(480);
  });

  test("makes few queries of many keys oblong, so that there is something to point at", () => {
    const plot = fitPlot(4, 1000, [500, 500]);
    expect(plot.width_px).toBe(500);
    expect(plot.cell_height_px).toBe(22);
  });

  test("is empty without cells or room", () => {
    expect(fitPlot(0, 5, [100, 100]).width_px).toBe(0);
    expect(fitPlot(5, 5, [100, -3]).height_px).toBe(0);
  });
});

describe("the window", () => {
  test("zooms around the point under the pointer", () => {
    const before = clampWindow(PLOT, { zoom: 3, row: 40, column: 60 });
    const after = zoomWindow(PLOT, before, 1.7, 123, 234);
    const point = (view: typeof before) => {
      const [width, height] = cellSize(PLOT, view);
      return [view.row + 234 / height, view.column + 123 / width];
    };
    expect(point(after)[0]).toBeCloseTo(point(before)[0] ?? 0, 9);
    expect(point(after)[1]).toBeCloseTo(point(before)[1] ?? 0, 9);
  });

  test("stays inside the matrix, and comes back to the whole", () => {
    const far = panWindow(PLOT, clampWindow(PLOT, { zoom: 2, row: 0, column: 0 }), -1e5, -1e5);
    expect(far).toEqual({ zoom: 2, row: 100, column: 150 });
    expect(zoomWindow(PLOT, far, 1e-9, 5, 5)).toEqual(WHOLE_MATRIX);
    expect(zoomWindow(PLOT, far, 1e9, 5, 5).zoom).toBe(24);
  });

  test("a drag moves cells with the pointer", () => {
    const from = clampWindow(PLOT, { zoom: 4, row: 50, column: 50 });
    const before = boxOf(PLOT, from, [60, 61], [70, 71]);
    const after = boxOf(PLOT, panWindow(PLOT, from, 9, -7), [60, 61], [70, 71]);
    expect([after.x - before.x, after.y - before.y]).toEqual([9, -7]);
  });

  test("finds the cell whose box holds the point", () => {
    const view = clampWindow(PLOT, { zoom: 5.3, row: 33.3, column: 101.7 });
    const { rows, columns } = visibleCells(PLOT, view);
    for (let row = rows[0]; row < rows[1]; row += 3) {
      for (let column = columns[0]; column < columns[1]; column += 5) {
        const { x, y, width, height } = boxOf(PLOT, view, [row, row + 1], [column, column + 1]);
        const [u, v] = [x + width / 2, y + height / 2];
        if (u < 0 || v < 0 || u >= PLOT.width_px || v >= PLOT.height_px) continue;
        expect(cellAt(PLOT, view, u, v)).toEqual([row, column]);
      }
    }
    expect(cellAt(PLOT, view, -1, 5)).toBeNull();
    expect(cellAt(PLOT, view, 5, PLOT.height_px)).toBeNull();
  });

  test("moves no more than needed to show a cell", () => {
    const view = clampWindow(PLOT, { zoom: 4, row: 50, column: 50 });
    expect(showCell(PLOT, view, 60, 60)).toEqual(view);
    expect(showCell(PLOT, view, 10, 60).row).toBe(10);
    expect(showCell(PLOT, view, 120, 60).row).toBe(71);
  });
});
