const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"], MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIELDS = ["layer", "form", "kind", "way", "first", "last", "low", "high", "label", "event", "known", "later", "note", "minor"];
const NAMES = { bos: "Break of structure", choch: "Change of character", mss: "Market structure shift", gap: "Fair value gap", weak: "Gap, not valid", inverse: "Inverse gap",
  block: "Order block", zone: "Zone", pool: "Pool", sweep: "Sweep", level: "Support or resistance", swing: "Swing", major: "Major swing" };
const HOLE = 7;                                    // pixels of the band where sessions are missing
const SPOKEN = { 1: "up", "-1": "down", 0: "" };

// --- the bars, unpacked -------------------------------------------------------------------------------------------
function summed(steps) { let at = 0; return steps.map((step) => (at += step)); }
function prices(steps, unit) { let at = 0; return steps.map((step) => (step === null ? null : (at += step) * unit)); }

function unpack(data) {
  const [t, length, wall, shift] = ["t", "length", "wall", "shift"].map((name) => summed(data[name]));
  const [open, high, low, close] = ["open", "high", "low", "close"].map((name) => prices(data[name], data.unit));
  const shapes = data.shapes.map((row) => Object.fromEntries(FIELDS.map((name, i) => [name, row[i]])));
  const rank = { trades: 0, mss: 1, choch: 2, sweep: 3, pool: 4, major: 5, bos: 6, block: 7, zone: 7, gap: 7, inverse: 8, level: 8, swing: 9, weak: 9 };
  shapes.sort((a, b) => rank[a.kind] - rank[b.kind]);
  return { ...data, t, length, wall, shift, open, high, low, close, shapes, count: t.length };
}

function dayWords(seconds) { const at = new Date(seconds * 1000); return `${DAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`; }
function clock(seconds) { const at = new Date(seconds * 1000); return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`; }

function clockOf(bars) {
  const row = (i) => (i >= 0 ? [bars.t[i], bars.length[i], bars.wall[i], bars.shift[i]] : bars.earlier[String(i)]);
  const full = (seconds) => `${dayWords(seconds)} ${new Date(seconds * 1000).getUTCFullYear()}`;
  const zone = bars.tz.split("/").pop().replace("_", " ");
  const both = (seconds, shift, day) => `${day ? dayWords(seconds + shift) + " " : ""}${clock(seconds + shift)}${bars.tz === "UTC" ? "" : ` ${zone}`}` +
    (shift || bars.tz !== "UTC" ? ` (${dayWords(seconds) === dayWords(seconds + shift) ? "" : DAYS[new Date(seconds * 1000).getUTCDay()] + " "}${clock(seconds)} UTC)` : " UTC");
  return {
    bar(i) { const found = row(i); return !found ? "before the bars shown" : bars.daily ? full(found[2]) : both(found[0], found[3], true); },
    head(i) { const found = row(i); return bars.daily ? full(found[2]) : `${full(found[2])} ${both(found[0], found[3], false)}`; },
    close(i) { const found = row(i); return !found ? "before the bars shown" : bars.daily ? `${full(found[2])}, at its close` : both(found[0] + found[1], found[3], true); },
  };
}

// --- drawing on the candles ---------------------------------------------------------------------------------------
class Drawing {
  constructor(bars, state) { this.bars = bars; this.state = state; }
  attached({ chart, series, requestUpdate }) { this.chart = chart; this.series = series; this.update = requestUpdate; }
  updateAllViews() {}
  paneViews() {
    const view = (zOrder, draw) => ({ zOrder: () => zOrder, renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((scope) => draw(scope.context, scope.mediaSize)) }) });
    return this.views || (this.views = [view("bottom", (c, size) => this.under(c, size)), view("top", (c, size) => this.over(c, size))]);
  }
  measure() {
    const scale = this.chart.timeScale(), range = scale.getVisibleLogicalRange();
    const spacing = scale.options().barSpacing;
    return { spacing, half: spacing / 2, from: range ? range.from : 0, to: range ? range.to : 0, x: (i) => scale.logicalToCoordinate(Math.max(i, -0.5)) ?? -1e4, y: (price) => this.series.priceToCoordinate(price) };
  }
  seen(at) {
    const ends = this.bars.count - 1;
    return this.bars.shapes.filter((one) => this.state.on.has(one.layer) && (!one.minor || this.state.everything) && one.first <= at.to && (one.last ?? ends + 1e6) >= at.from);
  }
  endOf(one, at, width) { return one.last === null ? Math.max(Math.min(at.x(this.bars.count - 1) + at.half + 4, width), at.x(one.first)) : at.x(one.last); }

  under(c, size) {
    const at = this.measure(), night = colour("night"), line = colour("line");
    if (this.state.on.has("sessions")) {
      c.fillStyle = night;
      for (const [a, b] of this.bars.overnight) if (b >= at.from && a <= at.to) c.fillRect(at.x(a) - at.half, 0, at.x(b) - at.x(a) + at.spacing, size.height);
      c.strokeStyle = hex("dim", 0.55);
      c.lineWidth = 1;
      c.setLineDash([2, 3]);
      for (const [i] of this.bars.days.slice(1)) if (i >= at.from && i <= at.to) stroke(c, [[Math.round(at.x(i) - at.half) + 0.5, 0], [Math.round(at.x(i) - at.half) + 0.5, size.height]]);
      c.setLineDash([]);
    }
    for (const [i] of this.bars.holes) if (i >= at.from - 1 && i <= at.to + 1) {
      const left = Math.round(at.x(i) - at.half - HOLE / 2);
      c.fillStyle = colour("card");
      c.fillRect(left, 0, HOLE, size.height);
      hatch(c, left, 0, HOLE, size.height, hex("dim", 0.8));
    }
    for (const trade of this.state.on.has("trades") ? this.bars.trades : []) this.bracket(c, at, trade);
    for (const one of this.seen(at)) if (one.form === "box") this.box(c, at, one, size.width);
    c.strokeStyle = line;
  }
  bracket(c, at, trade) {
    const left = at.x(trade.entry), right = Math.max(at.x(trade.exit ?? this.bars.count - 1), left + Math.max(at.spacing, 3)), entry = at.y(trade.entry_price);
    for (const [price, name] of [[trade.stop, "loss"], [trade.target, "gain"]]) {
      if (price === null || entry === null) continue;
      const edge = at.y(price);
      if (edge === null) continue;
      c.fillStyle = hex(name, 0.16);
      c.fillRect(left, Math.min(edge, entry), right - left, Math.abs(edge - entry));
      c.strokeStyle = hex(name, 0.9);
      c.lineWidth = 1;
      stroke(c, [[left, edge], [right, edge]]);
    }
  }
  box(c, at, one, width) {
    const left = at.x(one.first), right = Math.max(this.endOf(one, at, width), left + 2), top = at.y(one.high), bottom = at.y(one.low);
    if (top === null || bottom === null) return;
    const name = one.kind === "block" ? "block" : one.way > 0 ? "gain" : "loss", weak = one.kind === "weak", open = one.last === null, height = Math.max(bottom - top, 1.5);
    c.fillStyle = hex(name, weak ? 0.06 : one.kind === "inverse" ? 0.07 : open ? 0.3 : 0.2);
    c.fillRect(left, top, right - left, height);
    if (one.kind === "inverse") hatch(c, left, top, right - left, height, hex(name, 0.55));
    c.strokeStyle = hex(name, weak ? 0.3 : open ? 0.95 : 0.55);
    c.lineWidth = 1;
    c.setLineDash(one.kind === "inverse" || weak ? [2, 2] : []);
    c.strokeRect(left + 0.5, top + 0.5, right - left - 1, Math.max(height - 1, 0.5));
    c.setLineDash([3, 2]);
    if (one.layer === "gaps" && height > 4) stroke(c, [[left, top + height / 2], [right, top + height / 2]]);
    c.setLineDash([]);
  }

  over(c, size) {
    const at = this.measure(), words = new Labels(c, size, getComputedStyle(document.body).fontFamily);
    for (const [i, count] of this.bars.holes) if (i >= at.from - 1 && i <= at.to + 1) words.put(`${count} session${count > 1 ? "s" : ""} missing`, at.x(i) - at.half + HOLE, 24, { colour: colour("ink"), align: "left", plain: true });
    if (this.state.on.has("sessions")) this.dayNames(at, words);
    for (const trade of this.state.on.has("trades") ? this.bars.trades : []) this.trade(c, at, trade, words);
    for (const one of this.seen(at)) {
      if (one.form === "line") this.line(c, at, one, words, size.width);
      else if (one.form === "wick") this.wick(c, at, one, words);
      else if (one.form === "point") this.point(c, at, one, words);
      else this.boxName(at, one, words, size.width);
    }
  }
  dayNames(at, words) {
    const starts = this.bars.days;
    starts.forEach(([i, date], k) => {
      const end = k + 1 < starts.length ? starts[k + 1][0] : this.bars.count;
      if (end < at.from || i > at.to) return;
      const text = `${DAYS[new Date(Date.UTC(Math.floor(date / 1e4), Math.floor(date / 100) % 100 - 1, date % 100)).getUTCDay()]} ${date % 100} ${MONTHS[Math.floor(date / 100) % 100 - 1]}`;
      words.put(text, Math.max(at.x(i) - at.half, 0) + 5, 10, { colour: colour("dim"), align: "left", plain: true, within: at.x(end) - at.half });
    });
  }
  line(c, at, one, words, width) {
    const left = at.x(one.first), y = at.y(one.low);
    if (y === null) return;
    const right = this.endOf(one, at, width), open = one.last === null, row = Math.round(y) + 0.5;
    if (one.layer === "structure") {
      const name = one.way > 0 ? "gain" : "loss";
      c.strokeStyle = hex(name, one.kind === "bos" ? 0.75 : 1);
      c.lineWidth = one.kind === "mss" ? 2 : 1;
      c.setLineDash(one.kind === "choch" ? [5, 3] : []);
      stroke(c, [[left, row], [right, row]]);
      c.setLineDash([]);
      const visible = (Math.max(left, 0) + Math.min(right, width)) / 2;
      words.put(one.label, visible, row - one.way * 7, { colour: colour(name), bold: one.kind === "mss", away: -one.way });
      return;
    }
    const name = one.layer === "pools" ? "pool" : "level";
    c.strokeStyle = hex(name, open ? 0.95 : 0.5);
    c.lineWidth = 1;
    c.setLineDash(one.layer === "levels" ? [7, 3, 1, 3] : open ? [] : [4, 3]);
    stroke(c, [[left, row], [right, row]]);
    c.setLineDash([]);
    const priority = /priority ([0-9.]+)/.exec(one.note), number = priority ? " " + priority[1].replace(/^0/, "") : "";
    if (open) words.put(one.label + number, right + 3, row, { colour: colour(name), align: "left", slide: true });
    else {
      const swept = one.later.some(([word]) => word === "swept");
      if (swept) cross(c, right, row, colour(name));
      else words.put(one.label, Math.min(right, width) - 4, row - one.way * 6, { colour: hex(name, 0.9), align: "right", within: left });
    }
  }
  wick(c, at, one, words) {
    const x = Math.round(at.x(one.first)), up = one.way > 0, tip = at.y(up ? one.low : one.high), level = at.y(up ? one.high : one.low);
    if (tip === null || level === null) return;
    c.strokeStyle = colour("sweep");
    c.lineWidth = Math.max(2, Math.min(at.spacing * 0.45, 4));
    stroke(c, [[x, level], [x, tip]]);
    c.lineWidth = 1;
    stroke(c, [[x - 5, level], [x + 5, level]]);
    triangle(c, x, tip + (up ? 4 : -4), up, colour("sweep"));
    words.put(one.label.replace("sweep ", "sw "), x, tip + (up ? 17 : -17), { colour: colour("sweep"), away: up ? 1 : -1 });
  }
  point(c, at, one, words) {
    const y = at.y(one.low), x = at.x(one.first), major = one.kind === "major";
    if (y === null || (!major && at.spacing < 2.2)) return;
    c.fillStyle = major ? colour("ink") : colour("swing");
    c.beginPath();
    c.arc(x, y - one.way * 3, major ? 2.3 : 1.4, 0, 7);
    c.fill();
    if (major || at.spacing >= 4) words.put(one.label, x, y - one.way * 11, { colour: major ? colour("ink") : colour("swing"), bold: major, away: -one.way, small: !major });
  }
  boxName(at, one, words, width) {
    const left = Math.max(at.x(one.first), 0), right = Math.min(this.endOf(one, at, width), width), top = at.y(one.high), bottom = at.y(one.low);
    if (top === null || one.kind === "weak" || right - left < 26 || bottom - top < (one.last === null ? 9 : 14)) return;
    words.put(one.label, left + 3, (top + bottom) / 2, { colour: colour(one.kind === "block" ? "block" : one.way > 0 ? "gain" : "loss"), align: "left", small: true, within: right });
  }
  trade(c, at, trade, words) {
    const x = at.x(trade.entry), entry = at.y(trade.entry_price), up = trade.way > 0, name = trade.exit === null ? "accent" : trade.won ? "gain" : "loss";
    if (entry === null) return;
    if (trade.exit !== null && trade.exit_price !== null) {
      const out = at.y(trade.exit_price), right = at.x(trade.exit);
      c.strokeStyle = colour(name);
      c.lineWidth = 1.5;
      c.setLineDash([4, 3]);
      stroke(c, [[x, entry], [right, out]]);
      c.setLineDash([]);
      cross(c, right, out, colour(name));
      words.put(trade.result, right, out + (trade.exit_price > trade.entry_price ? -10 : 10), { colour: colour(name), bold: true, away: trade.exit_price > trade.entry_price ? -1 : 1 });
    }
    triangle(c, x, entry, up, colour("accent"));
    words.put(up ? "long" : "short", x - 4, entry + (up ? 12 : -12), { colour: colour("accent"), bold: true, away: up ? 1 : -1 });
  }
}

function stroke(c, points) { c.beginPath(); points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y))); c.stroke(); }
function triangle(c, x, y, up, fill) { const s = up ? 1 : -1; c.fillStyle = fill; c.beginPath(); c.moveTo(x, y); c.lineTo(x - 4.5, y + s * 7); c.lineTo(x + 4.5, y + s * 7); c.fill(); }
function cross(c, x, y, line) { c.strokeStyle = line; c.lineWidth = 1.5; stroke(c, [[x - 3, y - 3], [x + 3, y + 3]]); stroke(c, [[x - 3, y + 3], [x + 3, y - 3]]); }
function hatch(c, x, y, width, height, line) {
  c.save();
  c.beginPath();
  c.rect(x, y, width, height);
  c.clip();
  c.strokeStyle = line;
  c.lineWidth = 1;
  const from = Math.max(x, -20), to = Math.min(x + width, 4000);
  for (let at = from - height; at < to; at += 6) stroke(c, [[at, y + height], [at + height, y]]);
  c.restore();
}

// Words that keep clear of one another: who comes first stays, the next tries further away, and is left to the pointer when there is no room.
class Labels {
  constructor(c, size, font) { this.c = c; this.size = size; this.font = font; this.taken = []; this.halo = colour("card"); }
  put(text, x, y, { colour: ink, align = "center", bold = false, small = false, plain = false, away = 0, slide = false, within = null }) {
    const c = this.c, points = small ? 9.5 : 10.5;
    c.font = `${bold ? "700 " : plain ? "600 " : ""}${points}px ${this.font}`;
    const width = c.measureText(text).width, left = align === "left" ? x : align === "right" ? x - width : x - width / 2;
    if (within !== null && (align === "left" ? left + width > within : left < within)) return;
    const tries = slide ? [0, -11, 11] : away ? [0, away * 11, away * 22] : [0];
    for (const shift of tries) {
      const box = [left - 1, y + shift - points / 2 - 1, left + width + 1, y + shift + points / 2 + 1];
      if (box[0] < -2 || box[2] > this.size.width + 2 || box[1] < 0 || box[3] > this.size.height) continue;
      if (this.taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      this.taken.push(box);
      c.textAlign = "left";
      c.textBaseline = "middle";
      c.lineJoin = "round";
      c.lineWidth = 3;
      c.strokeStyle = this.halo;
      c.strokeText(text, left, y + shift);
      c.fillStyle = ink;
      c.fillText(text, left, y + shift);
      return;
    }
  }
}

// States under the candles, a row each.
class Ribbons {
  constructor(ribbons) { this.ribbons = ribbons; }
  attached({ chart, requestUpdate }) { this.chart = chart; this.update = requestUpdate; }
  updateAllViews() {}
  paneViews() { return this.views || (this.views = [{ zOrder: () => "normal", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((scope) => this.draw(scope.context, scope.mediaSize)) }) }]); }
  draw(c, size) {
    const scale = this.chart.timeScale(), range = scale.getVisibleLogicalRange(), half = scale.options().barSpacing / 2, height = size.height / this.ribbons.length;
    if (!range) return;
    const first = Math.max(0, Math.floor(range.from)), font = getComputedStyle(document.body).fontFamily;
    this.ribbons.forEach((ribbon, row) => {
      const past = Math.min(ribbon.codes.length, Math.ceil(range.to) + 1), top = row * height + 2, tall = height - 4;
      for (let i = first; i < past;) {
        let j = i;
        while (j + 1 < past && ribbon.codes[j + 1] === ribbon.codes[i]) j++;
        const word = ribbon.words[ribbon.codes[i]] ?? "", left = scale.logicalToCoordinate(i) - half, right = scale.logicalToCoordinate(j) + half;
        const [ink, strength] = ribbon.colours[ribbon.codes[i]] ?? ["faint", 1];
        c.fillStyle = hex(ink, strength);
        c.fillRect(left, top, right - left, tall);
        c.font = `600 9.5px ${font}`;
        const begin = Math.max(left, 70);
        if (word !== "UNKNOWN" && c.measureText(word).width + 8 < right - begin) { c.fillStyle = colour(ink === "faint" || strength < 0.6 ? "ink" : "card"); c.textBaseline = "middle"; c.textAlign = "left"; c.fillText(word, begin + 4, top + tall / 2 + 0.5); }
        i = j + 1;
      }
      c.font = `600 10px ${font}`;
      const wide = c.measureText(ribbon.name).width;
      c.fillStyle = hex("card", 0.85);
      c.fillRect(0, top, wide + 9, tall);
      c.fillStyle = colour("ink");
      c.textBaseline = "middle";
      c.textAlign = "left";
      c.fillText(ribbon.name, 4, top + tall / 2 + 0.5);
    });
  }
}

// --- the chart ----------------------------------------------------------------------------------------------------
function drawChart(bars) {
  const stage = $("stage"), box = $("chart"), state = { on: new Set(bars.layers.filter(([, , on]) => on).map(([name]) => name)), everything: false };
  const times = clockOf(bars), narrow = stage.clientWidth < 700;
  const panes = [...new Set(bars.lines.map((line) => line.pane).filter(Boolean))], ribbons = bars.ribbons;
  const main = Math.max(340, Math.min(620, innerHeight - (narrow ? 250 : 230))), strip = ribbons.length ? Math.max(18 * ribbons.length + 4, 30) : 0, small = narrow ? 92 : 110;
  box.style.height = `${main + strip + small * panes.length + 26}px`;
  const chart = LWC.createChart(box, { ...look(), autoSize: true, localization: { locale: "en-US", timeFormatter: (wall) => (bars.daily ? dayWords(wall) : `${dayWords(wall)} ${clock(wall)}`) },
    crosshair: { mode: LWC.CrosshairMode.Normal }, handleScroll: { vertTouchDrag: false },
    timeScale: { borderColor: colour("line"), timeVisible: !bars.daily, secondsVisible: false, rightOffsetPixels: narrow ? 46 : 78, minBarSpacing: 0.3,
      tickMarkFormatter: (wall, kind) => (kind >= 3 ? clock(wall) : kind === 0 ? String(new Date(wall * 1000).getUTCFullYear()) : kind === 1 && bars.daily ? MONTHS[new Date(wall * 1000).getUTCMonth()] : dayWords(wall)) } });
  const at = (i) => bars.wall[i];
  const candles = addCandles(chart, bars.digits, bars.unit, { priceLineVisible: true, priceLineStyle: 1, priceLineWidth: 1 });
  candles.setData(bars.t.map((_, i) => (bars.close[i] === null ? { time: at(i) } : { time: at(i), open: bars.open[i], high: bars.high[i], low: bars.low[i], close: bars.close[i] })));
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.09, bottom: bars.volume ? 0.16 : 0.07 } });
  const drawing = new Drawing(bars, state);
  candles.attachPrimitive(drawing);
  let volume = null;
  if (bars.volume) {
    volume = chart.addSeries(LWC.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false }, 0);
    volume.priceScale().applyOptions({ scaleMargins: { top: 0.88, bottom: 0 } });
  }
  let next = 1;
  if (ribbons.length) {
    const pane = chart.addPane(true);
    pane.attachPrimitive(new Ribbons(ribbons));
    next = 2;
  }
  const own = { vwap: "vwap", bands: "vwap" };
  let tint = 0;
  const lines = bars.lines.map((line) => {
    const pane = line.pane ? next + panes.indexOf(line.pane) : 0, ink = own[line.layer] || `c${(tint++ % 6) + 1}`;
    const series = chart.addSeries(LWC.LineSeries, { lineWidth: line.layer === "vwap" ? 2 : 1, lineStyle: line.layer === "bands" ? 2 : 0, priceLineVisible: false, lastValueVisible: Boolean(line.pane),
      crosshairMarkerVisible: false, lineVisible: !line.dots, pointMarkersVisible: line.dots, pointMarkersRadius: 2.5, title: "",
      ...(line.pane ? {} : { autoscaleInfoProvider: () => null }), priceFormat: line.unit === "price" ? { type: "price", precision: bars.digits, minMove: bars.unit } : { type: "custom", minMove: 1e-6, formatter: (v) => text(v, Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 1 ? 2 : 4) } }, pane);
    const ends = own[line.layer] ? new Set(bars.days.map(([i]) => i - 1)) : new Set();        // no line from one session's end to the next one's begin
    series.setData(line.values.map((value, i) => (value === null ? { time: at(i) } : ends.has(i) ? { time: at(i), value, color: "transparent" } : { time: at(i), value })));
    return { ...line, series, ink };
  });
  const found = chart.panes();
  found[0].setStretchFactor(main);
  if (ribbons.length) found[1].setStretchFactor(strip);
  panes.forEach((_, k) => found[next + k].setStretchFactor(small));

  function paint() {
    chart.applyOptions(look());
    candles.applyOptions({ ...candleTones(), priceLineColor: hex("dim", 0.7) });
    if (volume) volume.setData(bars.volume.map((value, i) => (value === null ? { time: at(i) } : { time: at(i), value, color: hex(bars.close[i] >= bars.open[i] ? "gain" : "loss", 0.32) })));
    for (const line of lines) line.series.applyOptions({ color: line.layer === "bands" ? hex(line.ink, 0.6) : colour(line.ink) });
    show();
  }
  function show() {
    for (const line of lines) line.series.applyOptions({ visible: line.layer === "features" || state.on.has(line.layer) });
    if (volume) volume.applyOptions({ visible: state.on.has("volume") });
    drawing.update();
    tell(cursor ?? bars.count - 1);
  }

  // what stands at the pointer or the cursor
  let cursor = null;
  function tell(i) {
    const p = (value) => text(value, bars.digits), rising = bars.close[i] >= bars.open[i], tone = rising ? "gain" : "loss", parts = [element("span")];
    parts[0].append(element("b", times.head(i)));
    for (const [name, value] of [["O", bars.open[i]], ["H", bars.high[i]], ["L", bars.low[i]], ["C", bars.close[i]]]) { const one = element("span", `${name} `); one.append(element("b", p(value), name === "C" ? tone : "")); parts.push(one); }
    if (bars.volume && state.on.has("volume")) parts.push(element("span", `Vol ${text(bars.volume[i], 0)}`));
    for (const line of lines) {
      if (line.layer !== "features" && !state.on.has(line.layer)) continue;
      const one = element("span"), dot = element("i");
      dot.style.background = colour(line.ink);
      one.title = line.meaning;
      one.append(dot, `${line.name} `, element("b", line.values[i] === null ? NONE : line.unit === "price" ? p(line.values[i]) : text(line.values[i], Math.abs(line.values[i]) >= 100 ? 1 : 3)));
      parts.push(one);
    }
    for (const ribbon of ribbons) { const one = element("span", `${ribbon.name} `); one.title = ribbon.meaning; one.append(element("b", ribbon.words[ribbon.codes[i]] ?? NONE)); parts.push(one); }
    $("legend").replaceChildren(...parts);
  }
  function told(one) {
    const made = element("div"), side = one.kind === "pool" ? (one.way > 0 ? "above highs" : "below lows") : SPOKEN[one.way];
    made.append(element("b", `${NAMES[one.kind]}${["pool", "swing", "major", "sweep", "mss"].includes(one.kind) ? " " + one.label.replace(/^(sweep|MSS) ?/, "") : ""}${side && !["swing", "major"].includes(one.kind) ? ", " + side : ""}: ` +
      (one.low === one.high ? text(one.low, bars.digits) : `${text(one.low, bars.digits)} to ${text(one.high, bars.digits)}`)));
    for (const words of [`about bar ${times.bar(one.event)}`, `known at ${times.close(one.known)}`, ...one.later.map(([word, i]) => `${word} ${times.bar(i)}`), one.note]) if (words) made.append(words, element("br"));
    return made;
  }
  function near(point) {
    const m = drawing.measure(), width = box.clientWidth, hits = [];
    for (const one of drawing.seen(m)) {
      const left = m.x(one.first), right = drawing.endOf(one, m, width), top = m.y(one.high), bottom = m.y(one.low);
      if (top === null || bottom === null) continue;
      const dx = Math.max(left - point.x, point.x - right, 0), dy = Math.max(top - point.y, point.y - bottom, 0);
      const reach = one.form === "point" ? 9 : one.form === "wick" ? 7 : 4;
      if (dx <= (one.form === "line" || one.form === "box" ? 3 : reach) && dy <= (one.form === "point" ? 14 : reach)) hits.push([dy + dx + (one.form === "box" ? 2 : 0), one]);
    }
    for (const trade of state.on.has("trades") ? bars.trades : []) {
      const left = m.x(trade.entry), right = m.x(trade.exit ?? bars.count - 1), edges = [trade.entry_price, trade.stop, trade.target].filter((v) => v !== null).map(m.y);
      if (point.x >= left - 4 && point.x <= right + 4 && point.y >= Math.min(...edges) - 4 && point.y <= Math.max(...edges) + 4) hits.push([-1, trade]);
    }
    return hits.sort((a, b) => a[0] - b[0]).slice(0, 3).map(([, one]) => one);
  }
  function tradeWords(trade) {
    const made = element("div"), p = (value) => text(value, bars.digits);
    made.append(element("b", `${trade.title}: ${trade.result}`), `in ${times.bar(trade.entry)} at ${p(trade.entry_price)}`, element("br"), `stop ${p(trade.stop)}, target ${p(trade.target)}`);
    if (trade.exit !== null) made.append(element("br"), `out ${times.bar(trade.exit)} at ${p(trade.exit_price)}`);
    return made;
  }
  function hover(param) {
    const tip = $("tip"), i = param.logical;
    tell(i !== undefined && i !== null && i >= 0 && i < bars.count ? i : cursor ?? bars.count - 1);
    const hits = param.point && (param.paneIndex ?? 0) === 0 && param.sourceEvent ? near(param.point) : [];
    tip.hidden = !hits.length;
    if (!hits.length) return;
    tip.replaceChildren(...hits.map((one) => (one.title !== undefined && one.result !== undefined ? tradeWords(one) : told(one))));
    const wide = stage.clientWidth, high = stage.clientHeight;
    tip.style.left = `${param.point.x + 16 + tip.offsetWidth > wide ? Math.max(4, param.point.x - tip.offsetWidth - 12) : param.point.x + 16}px`;
    tip.style.top = `${Math.max(4, Math.min(param.point.y + 14, high - tip.offsetHeight - 6))}px`;
  }
  chart.subscribeCrosshairMove(hover);
  stage.addEventListener("mouseleave", () => { $("tip").hidden = true; });

  // where to look
  const scale = chart.timeScale();
  const last = () => { const bar = narrow ? 4.2 : 6.4, many = Math.max(20, Math.floor((scale.width() - (narrow ? 46 : 78)) / bar)); if (bars.count <= many * 1.15) scale.fitContent(); else scale.setVisibleLogicalRange({ from: bars.count - many, to: bars.count - 1 + (narrow ? 46 : 78) / bar }); };
  $("all").addEventListener("click", () => scale.fitContent());
  $("day").addEventListener("click", () => { const start = bars.days.length ? bars.days[bars.days.length - 1][0] : 0; scale.setVisibleLogicalRange({ from: start - 0.5, to: bars.count + Math.max(4, (bars.count - start) * 0.06) }); });
  if (bars.daily) $("day").hidden = true;

  // layers
  const redraw = (button, on) => { button.setAttribute("aria-pressed", String(on)); show(); };
  for (const [name, meaning] of bars.layers) {
    if (name === "regime") continue;
    const button = element("button", name);
    button.type = "button";
    button.title = meaning;
    button.setAttribute("aria-pressed", String(state.on.has(name)));
    button.addEventListener("click", () => { if (!state.on.delete(name)) state.on.add(name); redraw(button, state.on.has(name)); });
    $("layers").append(button);
  }
  $("everything").hidden = !bars.shapes.some((one) => one.minor);
  $("everything").addEventListener("click", () => { state.everything = !state.everything; redraw($("everything"), state.everything); });
  const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
  $("theme").addEventListener("click", () => { root.dataset.theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark"; paint(); });
  onTheme(paint);
  let before = null, where = null;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme ?? "";
    where = scale.getVisibleLogicalRange();
    root.dataset.theme = "light";
    chart.applyOptions({ autoSize: false });
    chart.resize(1030, 580, true);                       // a landscape page; the screen may be wider
    paint();
    if (where) scale.setVisibleLogicalRange(where);
    const printed = chart.takeScreenshot(true);          // drawn at once, where the page itself would wait for the next frame
    printed.id = "printed";
    stage.append(printed);
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    $("printed")?.remove();
    chart.applyOptions({ autoSize: true });
    chart.resize(stage.clientWidth, parseInt(box.style.height, 10), true);
    paint();
    if (where) scale.setVisibleLogicalRange(where);
  });

  // the keyboard
  function go(i) {
    cursor = Math.max(0, Math.min(bars.count - 1, i));
    const range = scale.getVisibleLogicalRange();
    if (range && (cursor < range.from + 1 || cursor > range.to - 1)) { const half = (range.to - range.from) / 2; const from = Math.max(cursor - half, -2); scale.setVisibleLogicalRange({ from, to: from + 2 * half }); }
    if (bars.close[cursor] !== null) chart.setCrosshairPosition(bars.close[cursor], at(cursor), candles);
    tell(cursor);
    const here = bars.shapes.filter((one) => one.known === cursor && state.on.has(one.layer) && (!one.minor || state.everything));
    $("spoken").textContent = `${$("legend").textContent}${here.length ? `; became known here: ${here.map((one) => `${one.label} ${SPOKEN[one.way]}`).join(", ")}` : ""}`;
  }
  stage.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1, here = cursor ?? bars.count - 1, range = scale.getVisibleLogicalRange();
    const keys = { ArrowLeft: () => go(here - step), ArrowRight: () => go(here + step), Home: () => go(0), End: () => go(bars.count - 1), Escape: () => { cursor = null; chart.clearCrosshairPosition(); tell(bars.count - 1); } };
    const zoom = { "+": 0.8, "=": 0.8, "-": 1.25 }[event.key];
    if (keys[event.key]) keys[event.key]();
    else if (zoom && range) { const middle = (range.from + range.to) / 2, half = (range.to - range.from) / 2 * zoom; scale.setVisibleLogicalRange({ from: middle - half, to: middle + half }); }
    else return;
    event.preventDefault();
  });
  $("listed").addEventListener("toggle", () => { if ($("listed").open && !$("objects").tBodies[0].rows.length) list(bars, times); });
  paint();
  last();
}

function list(bars, times) {
  const shown = bars.shapes.filter((one) => !one.minor && one.known >= 0).sort((a, b) => b.known - a.known), kept = shown.slice(0, bars.tabled);
  $("listed-words").textContent = kept.length < shown.length ? `The ${kept.length} that became known last, of ${shown.length}.` : "All that are drawn at first sight, the latest first.";
  $("objects").tBodies[0].replaceChildren(...kept.map((one) => {
    const row = element("tr"), since = one.later.map(([word, i]) => `${word} ${times.bar(i)}`).join("; ");
    for (const [words, kind] of [[`${NAMES[one.kind]}${one.form === "box" ? "" : " " + one.label.replace(/^(sweep|MSS|BOS|CHoCH|S\/R) ?/, "")}`], [one.form === "point" ? (one.way > 0 ? "high" : "low") : one.kind === "pool" ? (one.way > 0 ? "above" : "below") : SPOKEN[one.way]], [one.low === one.high ? text(one.low, bars.digits) : `${text(one.low, bars.digits)} to ${text(one.high, bars.digits)}`, "num"],
      [times.bar(one.event)], [times.close(one.known)], [since], [one.note]]) row.append(element("td", words, kind));
    return row;
  }));
}

async function start() {
  drawChart(unpack(JSON.parse(new TextDecoder().decode(await inflate("data")))));
  document.documentElement.dataset.ready = "yes";
}
start().catch((error) => { const box = $("broken"); box.hidden = false; box.textContent = `The chart could not be drawn (${error.message}). A browser of 2023 or later is needed.`; });
