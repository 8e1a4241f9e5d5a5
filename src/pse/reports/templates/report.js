const PAGE = 100;

// --- equity and drawdown ------------------------------------------------------------------------------------------
function drawEquity(data) {
  const box = $("equity");
  if (!box) return;
  const chart = LWC.createChart(box, { ...look(), autoSize: true, handleScroll: { mouseWheel: false, vertTouchDrag: false }, handleScale: { mouseWheel: false },
    timeScale: { minBarSpacing: 0.001, lockVisibleTimeRangeOnResize: true }, localization: { locale: "en-US" } });         // the library's least of 0.5 px a point would cut long runs off
  const money = { type: "custom", minMove: 0.01, formatter: (v) => text(v, 0) }, part = { type: "custom", minMove: 0.00001, formatter: (v) => text(100 * v, 1) + " %" };
  const equity = chart.addSeries(LWC.BaselineSeries, { baseValue: { type: "price", price: data.capital }, priceFormat: money, lineWidth: 2, priceLineVisible: false }, 0);
  const under = chart.addSeries(LWC.AreaSeries, { priceFormat: part, lineWidth: 1, priceLineVisible: false, lastValueVisible: false, invertFilledArea: true,
    autoscaleInfoProvider: (original) => { const found = original(); return found && { priceRange: { minValue: Math.min(found.priceRange.minValue, -0.001), maxValue: 0 }, margins: { above: 0, below: 6 } }; } }, 1);
  under.priceScale().applyOptions({ scaleMargins: { top: 0.04, bottom: 0.04 } });
  const paint = () => {
    chart.applyOptions(look());
    equity.applyOptions({ topLineColor: colour("gain"), bottomLineColor: colour("loss"), topFillColor1: hex("gain", .28), topFillColor2: hex("gain", .03),
      bottomFillColor1: hex("loss", .03), bottomFillColor2: hex("loss", .28) });
    under.applyOptions({ lineColor: colour("loss"), topColor: hex("loss", .12), bottomColor: hex("loss", .35) });
  };
  const show = (kind) => {
    const { t, e } = data.equity[kind];
    let peak = data.capital;
    const down = e.map((value) => { peak = Math.max(peak, value); return value / peak - 1; });
    equity.setData(t.map((time, i) => ({ time, value: e[i] })));
    under.setData(t.map((time, i) => ({ time, value: down[i] })));
    chart.timeScale().applyOptions({ timeVisible: kind === "trade" });
    chart.timeScale().fitContent();
    for (const button of document.querySelectorAll("[data-equity]")) button.setAttribute("aria-pressed", String(button.dataset.equity === kind));
    return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => {   // how many of the points the picture holds, for whoever tests the page
      const seen = chart.timeScale().getVisibleLogicalRange();
      box.dataset.seen = seen ? `${Math.max(0, Math.ceil(seen.from - 0.5))} to ${Math.min(t.length - 1, Math.floor(seen.to + 0.5))} of ${t.length}` : "";
      drawn();
    })));
  };
  chart.panes()[0].setStretchFactor(0.72);
  chart.panes()[1].setStretchFactor(0.28);
  for (const button of document.querySelectorAll("[data-equity]")) button.addEventListener("click", () => show(button.dataset.equity));
  onTheme(paint);
  paint();
  return show(data.equity.session.t.length >= 20 || !data.equity.trade.t.length ? "session" : "trade");
}

// --- candles ------------------------------------------------------------------------------------------------------
function unpacker(block, index) {
  const total = index.n.reduce((sum, n) => sum + n, 0), starts = new Map();
  let at = 0;
  index.row.forEach((row, i) => { starts.set(row, [i, at]); at += index.n[i]; });
  const value = (plane, i) => { const base = plane * 2 * total + i, word = block[base] | (block[base + total] << 8); return word > 32767 ? word - 65536 : word; };
  return (row) => {
    if (!starts.has(row)) return null;
    const [which, from] = starts.get(row), unit = index.unit[which], bars = [];
    let time = index.t0[which], close = index.p0[which];
    for (let i = from; i < from + index.n[which]; i++) {
      time += value(0, i) * index.step[which];
      const open = close + value(1, i);
      close = open + value(4, i);
      bars.push({ time, open: open * unit, high: (Math.max(open, close) + value(2, i)) * unit, low: (Math.min(open, close) - value(3, i)) * unit, close: close * unit });
    }
    return { bars, step: index.step[which], entry: index.entry[which], exit: index.exit[which] };
  };
}

// What the tactic saw, behind the candles: zones as boxes, levels as lines, each with its name at its left end.
class Boxes {
  constructor(chart, series, boxes, bars) { Object.assign(this, { chart, series, boxes, bars }); }
  updateAllViews() {}
  paneViews() { return this.views || (this.views = [{ zOrder: () => "bottom", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace(({ context }) => this.draw(context)) }) }]); }
  draw(context) {
    const x = (bar) => this.chart.timeScale().timeToCoordinate(this.bars[bar].time), taken = [];
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    for (const [title, low, high, from, to] of this.boxes) {
      const left = x(from), right = x(to), top = this.series.priceToCoordinate(high), bottom = this.series.priceToCoordinate(low);
      if ([left, right, top, bottom].includes(null)) continue;
      context.fillStyle = hex("plain", 0.16);
      context.fillRect(left, top, right - left, Math.max(1, bottom - top));
      context.fillStyle = hex("plain", 0.75);
      context.fillRect(left, top, right - left, 1);
      context.fillRect(left, bottom, right - left, 1);
      const above = [top - 4, bottom + 11].find((y) => !taken.some((other) => Math.abs(other - y) < 11));
      if (above === undefined) continue;
      taken.push(above);
      context.fillStyle = colour("plain");
      context.fillText(title, left + 3, above);
    }
  }
}

// --- trades -------------------------------------------------------------------------------------------------------
function tradeBook(data, candlesOf) {
  const columns = data.trades, count = columns.entry_s.length;
  let last = 0;
  const entered = columns.entry_s.map((step) => (last += step));
  const named = (name, i) => columns[name].values[columns[name].codes[i]];
  const digits = (i) => data.digits[named("symbol", i)] ?? 2;
  const price = (name) => (i) => text(columns[name][i], digits(i));
  const views = [
    ["#", (i) => i, (i) => String(i + 1), "num"],
    ["Entry (UTC)", (i) => entered[i], (i) => moment(entered[i])],
    ["Contract", (i) => named("contract", i) || named("symbol", i), (i) => named("contract", i) || named("symbol", i)],
    ["Tactic", (i) => named("label", i), (i) => named("label", i), "name"],
    ["Grade", (i) => named("grade", i), (i) => named("grade", i) || NONE],
    ["Side", (i) => named("direction", i), (i) => named("direction", i)],
    ["Qty", (i) => columns.quantity[i], (i) => text(columns.quantity[i], columns.quantity[i] % 1 ? 4 : 0), "num"],
    ["Entry", (i) => columns.entry_price[i], price("entry_price"), "num"],
    ["Stop", (i) => columns.stop_initial[i], price("stop_initial"), "num"],
    ["Exit", (i) => columns.exit_price[i], price("exit_price"), "num"],
    ["R", (i) => columns.r_net[i], (i) => text(columns.r_net[i], 2, true), "num sign"],
    ["Net", (i) => columns.net_usd[i], (i) => text(columns.net_usd[i], 2, true), "num sign"],
    ["MAE R", (i) => columns.mae_r[i], (i) => text(columns.mae_r[i], 2), "num"],
    ["MFE R", (i) => columns.mfe_r[i], (i) => text(columns.mfe_r[i], 2), "num"],
    ["Held", (i) => columns.held_s[i], (i) => duration(columns.held_s[i]), "num"],
    ["Ended by", (i) => named("exit_reason", i), (i) => named("exit_reason", i), "name"],
  ];
  const order = Array.from({ length: count }, (_, i) => i), body = $("trades").tBodies[0], head = $("trades").tHead.rows[0];
  let page = 0, sorted = 1, way = 1;

  function draw() {
    const from = page * PAGE, rows = order.slice(from, from + PAGE);
    body.replaceChildren(...rows.map((i, place) => {
      const row = element("tr");
      row.tabIndex = 0;
      for (const [, value, write, kind] of views) {
        const cell = element("td", write(i), kind ? kind.replace("sign", value(i) > 0 ? "gain" : value(i) < 0 ? "loss" : "") : "");
        if (kind === "name") cell.replaceChildren(...write(i).split(/(?<=_)/).flatMap((part) => [part, element("wbr")]));
        row.append(cell);
      }
      row.addEventListener("click", () => open(from + place));
      row.addEventListener("keydown", (event) => { if (event.key === "Enter") open(from + place); });
      return row;
    }));
    $("place").textContent = `${(from + 1).toLocaleString("en-US")} to ${(from + rows.length).toLocaleString("en-US")} of ${count.toLocaleString("en-US")}`;
    $("earlier").disabled = page === 0;
    $("later").disabled = from + PAGE >= count;
  }
  function sort(by) {
    way = by === sorted ? -way : 1;
    sorted = by;
    const key = views[by][1], missing = (v) => v === null || v === undefined;
    order.sort((a, b) => {
      const x = key(a), y = key(b);
      if (missing(x) || missing(y)) return missing(x) - missing(y) || a - b;
      return (x < y ? -way : x > y ? way : 0) || a - b;
    });
    [...head.cells].forEach((cell, i) => cell.setAttribute("aria-sort", i === by ? (way > 0 ? "ascending" : "descending") : "none"));
    page = 0;
    draw();
  }
  views.forEach(([name, , , kind], i) => {
    const cell = element("th", undefined, kind?.startsWith("num") ? "num" : ""), button = element("button", name);
    cell.scope = "col";
    button.type = "button";
    button.addEventListener("click", () => sort(i));
    cell.append(button);
    head.append(cell);
  });
  head.cells[1].setAttribute("aria-sort", "ascending");
  $("earlier").addEventListener("click", () => { page--; draw(); });
  $("later").addEventListener("click", () => { page++; draw(); });
  draw();

  // one trade, in a window of its own
  const dialog = $("trade");
  let at = 0, chart = null;
  function open(place) {
    at = place;
    if (!dialog.open) dialog.showModal();
    const i = order[at];
    $("trade-title").textContent = `#${i + 1} ${named("direction", i)} ${named("contract", i) || named("symbol", i)} · ${named("label", i)}` +
      `${named("grade", i) ? " · grade " + named("grade", i) : ""} · ${text(columns.r_net[i], 2, true)} R`;
    story(i);
    drawCandles(i);
    $("trade-before").disabled = at === 0;
    $("trade-after").disabled = at + 1 >= count;
  }
  function facts(title, rows) {
    const part = element("div"), list = element("dl", undefined, "facts");
    for (const [name, value] of rows) list.append(element("dt", name), element("dd", value));
    part.append(element("h3", title), list);
    return part;
  }
  function stopSteps(i) {
    const steps = data.lives[String(i)] ? data.lives[String(i)].stops : [], shown = steps.slice(0, 6).map(([at, price]) => `${text(price, digits(i))} (${moment(at).slice(11)})`);
    return steps.length ? [["Stop moved to", shown.join(", ") + (steps.length > 6 ? ` and ${steps.length - 6} more` : "")]] : [];
  }
  function story(i) {
    const p = (name) => text(columns[name][i], digits(i)), evidence = data.evidence[String(i)];
    const parts = [
      facts("How it went", [
        ["In", `${moment(entered[i])} UTC at ${p("entry_price")} (${named("entry_kind", i)})`],
        ["Out", `${moment(entered[i] + columns.held_s[i])} UTC at ${p("exit_price")} by ${named("exit_reason", i)}, after ${duration(columns.held_s[i])}. ${data.ends[named("exit_reason", i)] ?? ""}${(data.lives[String(i)] || {}).gapped ? " " + data.gapped : ""}`],
        ["Decided", data.lives[String(i)] ? `${moment(data.lives[String(i)].decided)} UTC${named("mcs", i) ? ", market " + named("mcs", i) : ""}` : NONE],
        ["First stop", p("stop_initial")], ...stopSteps(i), ["Targets", [p("target"), p("target2")].filter((v) => v !== NONE).join(", ") || NONE],
        ["Quantity", text(columns.quantity[i], columns.quantity[i] % 1 ? 4 : 0)]]),
      facts("What it came to", [
        ["Net", `${text(columns.net_usd[i], 2, true)} ${data.currency} (${text(columns.r_net[i], 2, true)} R)`],
        ["Fees, slippage", `${text(columns.fees_usd[i], 2)}, ${text(columns.slippage_usd[i], 2)} ${data.currency}`],
        ["Worst, best", `${text(columns.mae_r[i], 2)} R against, ${text(columns.mfe_r[i], 2)} R for`],
        ["Quality", text(columns.quality[i], 2)], ["Tactic", named("tactic", i)]]),
    ];
    if (evidence) parts.push(facts("What the tactic saw", evidence.facts));
    $("story").replaceChildren(...parts);
  }
  function drawCandles(i) {
    if (chart) { chart.remove(); chart = null; }
    const box = $("candles"), found = candlesOf(i);
    box.hidden = !found;
    $("no-candles").hidden = Boolean(found);
    if (!found) return;
    const long = named("direction", i) === "LONG", boxes = (data.evidence[String(i)] || { boxes: [] }).boxes, life = data.lives[String(i)] || { stops: [], exits: [] };
    chart = LWC.createChart(box, { ...look(), autoSize: true, timeScale: { borderColor: colour("line"), timeVisible: found.step < 86400, rightOffset: 2 },
      handleScroll: { vertTouchDrag: false }, localization: { locale: "en-US" } });
    const place = (seconds) => {                                                  // the candle that holds a moment
      let low = 0, high = found.bars.length - 1;
      while (low < high) { const middle = (low + high + 1) >> 1; if (found.bars[middle].time <= seconds) low = middle; else high = middle - 1; }
      return low;
    };
    const decided = life.decided ? Math.min(place(life.decided - 1), found.entry) : found.entry, steps = [[found.entry, columns.stop_initial[i]], ...life.stops.map(([at, price]) => [Math.min(place(at), found.exit), price])];
    const stops = found.bars.map(() => null);
    for (const [from, price] of steps) for (let bar = from; bar <= found.exit; bar++) stops[bar] = price;
    for (let bar = decided; bar < found.entry; bar++) stops[bar] = columns.stop_initial[i];
    const flat = (price) => found.bars.map((_, bar) => (bar >= decided && bar <= found.exit ? price : null));
    const lines = [["entry", flat(columns.entry_price[i]), "ink", 0, columns.entry_price[i]], ["stop", stops, "loss", 0, columns.stop_initial[i]],
      ["target", flat(columns.target[i]), "gain", 2, columns.target[i]], ["target 2", flat(columns.target2[i]), "gain", 2, columns.target2[i]]].filter(([, , , , at]) => at !== null);
    const lows = Math.min(...found.bars.map((bar) => bar.low)), highs = Math.max(...found.bars.map((bar) => bar.high)), room = 1.5 * (highs - lows);
    const near = [...lines.map(([, , , , at]) => at), ...boxes.flatMap(([, low, high]) => [low, high])].filter((at) => at > lows - room && at < highs + room);
    const series = addCandles(chart, digits(i), 10 ** -digits(i), { lastValueVisible: false,
      autoscaleInfoProvider: () => ({ priceRange: { minValue: Math.min(lows, ...near), maxValue: Math.max(highs, ...near) }, margins: { above: 18, below: 18 } }) });
    series.setData(found.bars);
    series.attachPrimitive(new Boxes(chart, series, boxes.map(([title, low, high, since]) => [title, low, high, since === null ? 0 : place(since), found.exit]), found.bars));
    for (const [title, values, name, style, at] of lines) {
      const line = chart.addSeries(LWC.LineSeries, { color: colour(name), lineWidth: title === "stop" ? 2 : 1, lineStyle: style, lineType: 1, priceLineVisible: false, lastValueVisible: false,
        crosshairMarkerVisible: false, autoscaleInfoProvider: () => null }, 0);
      line.setData(found.bars.map((bar, k) => (values[k] === null ? { time: bar.time } : { time: bar.time, value: values[k] })));
      series.createPriceLine({ price: at, color: colour(name), lineVisible: false, axisLabelVisible: true, title });
    }
    const mark = (bar, up, words, name, shape) => ({ time: found.bars[bar].time, position: up ? "belowBar" : "aboveBar", shape: shape || (up ? "arrowUp" : "arrowDown"), color: colour(name), text: words });
    const partial = life.exits.slice(0, -1).map(([at, , leg]) => mark(Math.min(place(at), found.exit), !long, leg.toLowerCase(), "plain", "circle"));
    LWC.createSeriesMarkers(series, [
      ...(decided < found.entry ? [mark(decided, long, found.entry - decided > 2 ? "decided" : "", "dim", "circle")] : []),
      mark(found.entry, long, long ? "buy" : "sell", "accent"), ...partial,
      mark(found.exit, !long, named("exit_reason", i).slice(0, 40), columns.net_usd[i] > 0 ? "gain" : "loss")].sort((a, b) => a.time - b.time));
    chart.timeScale().fitContent();
  }
  const go = (place) => { if (place >= 0 && place < count) open(place); };
  $("trade-before").addEventListener("click", () => go(at - 1));
  $("trade-after").addEventListener("click", () => go(at + 1));
  $("trade-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => { if (event.key === "ArrowLeft") go(at - 1); if (event.key === "ArrowRight") go(at + 1); });
  onTheme(() => { if (dialog.open) drawCandles(order[at]); });
  return { open };
}

async function start() {
  if (!$("data")) return;
  const data = JSON.parse(new TextDecoder().decode(await inflate("data")));
  const drawn = drawEquity(data);
  const book = tradeBook(data, unpacker(await inflate("candle-data"), data.candles));
  const asked = /^#trade-(\d+)$/.exec(location.hash);
  if (asked && Number(asked[1]) >= 1 && Number(asked[1]) <= data.trades.entry_s.length) book.open(Number(asked[1]) - 1);
  await drawn;
  document.documentElement.dataset.ready = "yes";
}
start().catch((error) => { const box = $("broken"); if (box) { box.hidden = false; box.textContent = `The charts and the table of trades could not be drawn (${error.message}). A browser of 2023 or later is needed.`; } });
