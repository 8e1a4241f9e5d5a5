// Fold borders behind the equity: an upright line where a test window begins, with the fold's number where there is room.
class Borders {
  constructor(chart, times, places, names) { Object.assign(this, { chart, times, places, names }); }
  updateAllViews() {}
  paneViews() { return this.views || (this.views = [{ zOrder: () => "normal", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((space) => this.draw(space)) }) }]); }
  draw({ context, mediaSize }) {
    let free = -Infinity;
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    this.places.forEach((place, i) => {
      const x = this.chart.timeScale().timeToCoordinate(this.times[place]);
      if (x === null) return;
      context.fillStyle = hex("dim", 0.55);
      for (let y = 0; y < mediaSize.height; y += 7) context.fillRect(Math.round(x), y, 1, 4);
      if (!this.names) return;
      const words = (i === 0 ? "fold " : "") + this.names[i], width = context.measureText(words).width;
      if (x + 4 < free || x + 4 + width > mediaSize.width) return;
      context.fillStyle = colour("dim");
      context.fillText(words, x + 4, 12);
      free = x + 12 + width;
    });
  }
}

function drawEquity(data) {
  const box = $("equity");
  const chart = LWC.createChart(box, { ...look(), autoSize: true, handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false },
    timeScale: { minBarSpacing: 0.001, lockVisibleTimeRangeOnResize: true }, localization: { locale: "en-US" } });
  const money = { type: "custom", minMove: 0.01, formatter: (v) => text(v, 0) }, part = { type: "custom", minMove: 0.00001, formatter: (v) => text(100 * v, 1) + " %" };
  const plainLine = { priceFormat: money, priceLineVisible: false, crosshairMarkerVisible: false, lastValueVisible: false };
  const own = data.own && chart.addSeries(LWC.LineSeries, { ...plainLine, lineWidth: 1, lineStyle: 1 }, 0);
  const worse = data.pessimistic && chart.addSeries(LWC.LineSeries, { ...plainLine, lineWidth: 1, lineStyle: 2 }, 0);
  const equity = chart.addSeries(LWC.LineSeries, { priceFormat: money, lineWidth: 2, priceLineVisible: false }, 0);
  const start = equity.createPriceLine({ price: data.capital, lineWidth: 1, lineStyle: 0, axisLabelVisible: false, title: "" });
  const under = chart.addSeries(LWC.AreaSeries, { priceFormat: part, lineWidth: 1, priceLineVisible: false, lastValueVisible: false, invertFilledArea: true,
    autoscaleInfoProvider: (original) => { const found = original(); return found && { priceRange: { minValue: Math.min(found.priceRange.minValue, -0.001), maxValue: 0 }, margins: { above: 0, below: 6 } }; } }, 1);
  under.priceScale().applyOptions({ scaleMargins: { top: 0.04, bottom: 0.04 } });
  equity.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.06 } });
  const points = (values) => data.t.map((time, i) => ({ time, value: values[i] }));
  let peak = data.capital;
  equity.setData(points(data.e));
  if (own) own.setData(points(data.own));
  if (worse) worse.setData(points(data.pessimistic));
  under.setData(points(data.e.map((value) => { peak = Math.max(peak, value); return value / peak - 1; })));
  equity.attachPrimitive(new Borders(chart, data.t, data.borders, data.names));
  under.attachPrimitive(new Borders(chart, data.t, data.borders, null));
  const paint = () => {
    chart.applyOptions(look());
    equity.applyOptions({ color: colour("accent") });
    start.applyOptions({ color: colour("line") });
    if (own) own.applyOptions({ color: colour("dim") });
    if (worse) worse.applyOptions({ color: colour("loss") });
    under.applyOptions({ lineColor: colour("loss"), topColor: hex("loss", .12), bottomColor: hex("loss", .35) });
  };
  chart.panes()[0].setStretchFactor(0.72);
  chart.panes()[1].setStretchFactor(0.28);
  paint();
  chart.timeScale().fitContent();
  onTheme(paint);
  return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => {     // how many of the points the picture holds, for whoever tests the page
    const seen = chart.timeScale().getVisibleLogicalRange();
    box.dataset.seen = seen ? `${Math.max(0, Math.ceil(seen.from - 0.5))} to ${Math.min(data.t.length - 1, Math.floor(seen.to + 0.5))} of ${data.t.length}` : "";
    drawn();
  })));
}

async function start() {
  if ($("data")) await drawEquity(JSON.parse(new TextDecoder().decode(await inflate("data"))));
  document.documentElement.dataset.ready = "yes";
}
start().catch((error) => { const box = $("broken"); if (box) { box.hidden = false; box.textContent = `The equity could not be drawn (${error.message}). A browser of 2023 or later is needed.`; } });
