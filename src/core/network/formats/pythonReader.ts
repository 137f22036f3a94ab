/**
 * The part of an exported Python module that is the same for every network: cells are read as in src/core/data (cells.ts, numberForms.ts,
 * dateForms.ts, markers.ts), encoded, and run through the layers.
 */
export const pythonReader = String.raw`
_ANYWHERE = set(
    "n/a|#n/a|#n/a n/a|#na|<na>|nan|-nan|+nan|nat|\\n|(null)|<null>|n.a.|nan(ind)|-nan(ind)|1.#qnan|-1.#qnan|1.#ind|-1.#ind"
    "|1.#nan|#div/0!|#value!|#num!|#ref!|#name?|#null!"
    "|#n/d|#nv|#wert!|#valeur!|#valor!|#bezug!|#spill!|#calc!|#getting_data".split("|")
)
_AMONG_NUMBERS = set(
    "na|null|none|nil|unknown|missing|undefined|n/k|not available|nd|n.d.|unk|blank|(blank)|empty|nodata|no data|not applicable"
    "|n\\a|[null]|k.a.|tbd|?|-|--|---|\u2013|\u2014|.|..|...|*".split("|")
)
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.A)
_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)(e[+-]?\d+)?\Z", re.I | re.A)
_BY_COMMA = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?\Z", re.A)
_BY_DOT = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?\Z", re.A)
_SIGNS = "[+\\-\u2212\u2010-\u2013\ufe63\uff0d]?"
_CURRENCY = "[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ba\u20bf]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|AUD|CAD|SEK|NOK|DKK|PLN|BRL)"
_BEFORE = re.compile("(" + _SIGNS + ") ?(?:" + _CURRENCY + ") ?(" + _SIGNS + r"[\d.,].*)\Z", re.A)
_AFTER = re.compile(
    r"(.*\d[.,]?)(?: ?(?:%|\u2030|[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ba]|[\"\u2032\u2033]|\u00b0[CF]?"
    r"|(?:kg|mg|cm|mm|km|ml|ms|min|kWh|kW|Hz|mph|lbs?|oz|ft|in|EUR|USD|CHF|GBP|g|m|s|h|l|L|V|A|W|K|C|F))"
    r"| +[A-Za-z\u00b5\u03a9][\w\u00b2\u00b3/.\u00b7^-]{0,14})\Z",
    re.A,
)
_STARTS = re.compile(r"(?:[^A-Za-z_]|[A-Z]{3} ?[\d.,+-])", re.A)
_GUARD = re.compile("(?:=\"(.*)\"|'(?=[+-]?[0-9.,])(.*))\\Z")
_INDIAN = re.compile(r"[+-]?\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?\Z", re.A)
_PARENTHESES = re.compile(r"\((.*)\)\Z")
_MINUS = re.compile("[\u2212\u2010-\u2013\ufe63\uff0d]")
_GROUPED = re.compile(
    "[+-]?\\d{1,3}(?:(?:[ \u00a0\u202f\u2009]\\d{3})+|(?:['\u2019]\\d{3})+)(?:[.,]\\d*)?\\Z", re.A
)
_FORTRAN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d{1,3})\Z", re.A)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_TIME = (
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(?: ?([AaPp])\.?[Mm]\.?)?"
    r"(?: ?(?:GMT|UTC|Z|[+-]\d{2}:?(?:\d{2})?))?)?\Z"
)
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(?: ?(?:[Zz]|([+-])(\d{2}):?(\d{2})))?)?\Z", re.A
)
_YEAR_FIRST = re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})" + _TIME, re.A)
_YEAR_LAST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})" + _TIME, re.A)
_NAMED = re.compile(r"(?:[A-Za-z]{3,9},? )?(\d{1,2})[ .-]+([A-Za-z]{3,9})[.,]?[ -](\d{4}|\d{2})" + _TIME, re.A)
_NAMED_FIRST = re.compile(r"(?:[A-Za-z]{3,9},? )?([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})" + _TIME, re.A)
_MONTH_OF_YEAR = re.compile(r"(\d{4})[-/](\d{1,2})\Z", re.A)
_MONTH_AND_YEAR = re.compile(r"([A-Za-z]{3,9})[- ](\d{4}|\d{2})\Z", re.A)
_USUAL = [
    (re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2}):?(\d{2}):?(\d{2})?Z?\Z", re.A), r"\g<1>-\g<2>-\g<3> \g<4>:\g<5>:\g<6>"),
    (re.compile(r"(\d{4})\s?\u5e74\s?(\d{1,2})\s?\u6708\s?(\d{1,2})\s?\u65e5?\Z", re.A), r"\g<1>/\g<2>/\g<3>"),
    (re.compile(r"[A-Za-z]{3},? ([A-Za-z]{3}) +(\d{1,2}) (\d{2}:\d{2}:\d{2})(?: [A-Z]{3,4})? (\d{4})\Z", re.A), r"\g<2> \g<1> \g<4> \g<3>"),
    (re.compile(r"(\d{1,2})([A-Za-z]{3})(\d{4})\Z", re.A), r"\g<1> \g<2> \g<3>"),
    (re.compile(r"(\d{1,2})([A-Za-z]{3})(\d{4}):(\d{2}:.*)\Z", re.A), r"\g<1> \g<2> \g<3> \g<4>"),
    (re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d{2}:\S+( [+-]\d{4})?)\Z", re.A), r"\g<1> \g<2> \g<3> \g<4>"),
    (re.compile(r"(\d{1,2})[/-](\d{4})\Z", re.A), r"\g<2>-\g<1>"),
    (re.compile(r"(\d{4})[Mm](\d{1,2})\Z", re.A), r"\g<1>-\g<2>"),
    (re.compile(r"(\d{4})[- ]([A-Za-z]{3,9})\Z", re.A), r"\g<2> \g<1>"),
    (re.compile(r"(.*:\d{2}),(\d+)\Z", re.A), r"\g<1>.\g<2>"),
    (re.compile(r"(\d{4})[-/ ]?[Qq]([1-4])\Z", re.A), r"\g<1>-Q\g<2>"),
    (re.compile(r"[Qq]([1-4])[-/ ]?(\d{4})\Z", re.A), r"\g<2>-Q\g<1>"),
]
_QUARTER = re.compile(r"(\d{4})-Q([1-4])\Z", re.A)
_ZONE = re.compile(r"([+-]\d{2}):?(\d{2})?\Z", re.A)
_SPACES = " \t\n\r\f\v\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


def _plain_number(cell):
    if DECIMAL == ".":
        if _PLAIN.match(cell):
            return float(cell)
        if _BY_COMMA.match(cell):
            return float(cell.replace(",", ""))
    else:
        if _COMMA.match(cell):
            return float(cell.replace(",", "."))
        if _BY_DOT.match(cell):
            return float(cell.replace(".", "").replace(",", "."))
    return math.nan


def _number(cell):
    """The number that a text stands for: as it is written, or with a unit, a currency, grouped thousands; NaN for none."""
    value = _plain_number(cell)
    if not math.isnan(value):
        return value
    if len(cell) > 60 or not _STARTS.match(cell) or not re.search(r"\d", cell, re.A):
        return math.nan
    text, sign, changed = cell, 1.0, False
    match = _GUARD.match(text)
    if match:
        text, changed = (match.group(1) or match.group(2) or "").strip(_SPACES), True
    match = _PARENTHESES.match(text)
    if match:
        text, sign, changed = match.group(1).strip(_SPACES), -1.0, True
    match = _BEFORE.match(text)
    if match:
        text, changed = match.group(1) + match.group(2), True
    else:
        match = _AFTER.match(text)
        if match:
            text, changed = match.group(1).strip(_SPACES), True
    if _MINUS.match(text):
        text, changed = "-" + text[1:].strip(_SPACES), True
    if _GROUPED.match(text):
        text, changed = re.sub("[ \u00a0\u202f\u2009'\u2019]", "", text), True
    if DECIMAL == "." and _INDIAN.match(text):
        text, changed = text.replace(",", ""), True
    match = _FORTRAN.match(text)
    if match:
        text, changed = match.group(1) + "e" + match.group(2), True
    return sign * _plain_number(text) if changed else math.nan


def _day_number(year, month, day):
    """Days since 1970-01-01 in the Gregorian calendar; NaN for a day that does not exist."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return math.nan
    y = year - (month <= 2)
    era, of_era = divmod(y, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return float(era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468)


def _with_time(day, match, at):
    hours, minutes, seconds, half = (match.group(at + k) for k in range(4))
    if hours is None:
        return day
    h = int(hours)
    if half is not None:
        if not 1 <= h <= 12:
            return math.nan
        h = h % 12 + (12 if half in "pP" else 0)
    m, s = int(minutes), float(seconds or 0)
    if h > 23 or m > 59 or s >= 60:
        return math.nan
    text = match.group(0)
    zone = _ZONE.search(text[text.index(":"):])
    shift = 0
    if zone:
        shift = int(zone.group(1)) * 60 + (-1 if zone.group(1)[0] == "-" else 1) * int(zone.group(2) or 0)
    return day + (h * 3600 + m * 60 + s - shift * 60) / 86400


def _full_year(text):
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 70 else 1900)


def _month(name):
    return _MONTHS.index(name[:3].lower()) + 1 if name[:3].lower() in _MONTHS else 0


def _date(cell):
    """(day first, month first) in days since 1970-01-01; both the same unless they could be exchanged, NaN for no date."""
    nothing = (math.nan, math.nan)
    if not 6 <= len(cell) <= 40:
        return nothing
    for form, usual in _USUAL:
        match = form.match(cell)
        if match:
            cell = re.sub(r":\Z", "", match.expand(usual))
            break
    match = _QUARTER.match(cell)
    if match:
        day = _day_number(int(match.group(1)), 3 * int(match.group(2)) - 2, 1)
        return day, day
    match = _ISO.match(cell)
    if match:
        day = _day_number(*(int(match.group(k)) for k in (1, 2, 3)))
        h, m, s = int(match.group(4) or 0), int(match.group(5) or 0), float(match.group(6) or 0)
        zh, zm = int(match.group(8) or 0), int(match.group(9) or 0)
        if h <= 23 and m <= 59 and s < 60 and zh <= 23 and zm <= 59 and not math.isnan(day):
            zone = (-1 if match.group(7) == "-" else 1) * (zh * 3600 + zm * 60)
            day += (h * 3600 + m * 60 + s - zone) / 86400
            return day, day
    match = _YEAR_FIRST.match(cell)
    if match:
        day = _with_time(_day_number(*(int(match.group(k)) for k in (1, 2, 3))), match, 4)
        return day, day
    match = _YEAR_LAST.match(cell)
    if match:
        a, b, year = int(match.group(1)), int(match.group(2)), _full_year(match.group(3))
        return _with_time(_day_number(year, b, a), match, 4), _with_time(_day_number(year, a, b), match, 4)
    match = _MONTH_OF_YEAR.match(cell)
    if match:
        day = _day_number(int(match.group(1)), int(match.group(2)), 1)
        return day, day
    match = _NAMED.match(cell)
    if match:
        day = _with_time(_day_number(_full_year(match.group(3)), _month(match.group(2)), int(match.group(1))), match, 4)
        return day, day
    match = _NAMED_FIRST.match(cell)
    if match:
        day = _with_time(_day_number(_full_year(match.group(3)), _month(match.group(1)), int(match.group(2))), match, 4)
        return day, day
    match = _MONTH_AND_YEAR.match(cell)
    if match:
        day = _day_number(_full_year(match.group(2)), _month(match.group(1)), 1)
        return day, day
    value = _plain_number(cell)
    if value == value and 19000101 <= value <= 21001231 and value == int(value):
        text = str(int(value))
        day = _day_number(int(text[:4]), int(text[4:6]), int(text[6:]))
        return day, day
    return nothing


def _text(cell):
    """A cell as trimmed text; None for a gap that is no text."""
    if cell is None:
        return None
    if isinstance(cell, str):
        return cell.strip(_SPACES)
    if isinstance(cell, (bool, np.bool_)):
        return str(bool(cell))
    if hasattr(cell, "isoformat"):
        text = cell.isoformat()
        return None if text == "NaT" else text.replace("T00:00:00", "") if text.endswith("T00:00:00") else text
    if isinstance(cell, np.datetime64):
        return None if np.isnat(cell) else str(cell)
    if isinstance(cell, (int, float, np.integer, np.floating)):
        return None if cell != cell else _label(float(cell))
    return str(cell).strip(_SPACES)


def _label(value):
    """A number as the category that it is."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if mark and 1e-6 <= abs(value) < 1:
        return np.format_float_positional(value, trim="-")
    return text if not mark else mantissa + "e" + exponent[0] + exponent[1:].lstrip("0")


def _is_gap(text, among_numbers):
    if text is None or text == "" or text in NA:
        return True
    lower = text.lower()
    return lower in _ANYWHERE or (among_numbers and lower in _AMONG_NUMBERS) or lower.lstrip("+-") in ("inf", "infinity")


def _column(frame, name):
    for key in frame.keys() if hasattr(frame, "keys") else frame:
        if key == name:
            return list(frame[key])
    alike = [key for key in frame.keys() if str(key).strip().lower() == name.strip().lower()]
    if len(alike) != 1:
        raise KeyError("the network needs the column " + repr(name) + ", which the frame does not have")
    return list(frame[alike[0]])


def _values(name, kind, cells):
    """Numbers of a column of numbers or dates; NaN for gaps."""
    texts = [None if isinstance(cell, (bool, np.bool_)) else _text(cell) for cell in cells]
    if kind == "number":
        out = []
        for row, (cell, text) in enumerate(zip(cells, texts)):
            if not isinstance(cell, (str, bool, np.bool_)) and isinstance(cell, (int, float, np.integer, np.floating)):
                value = float(cell)
                out.append(value if math.isfinite(value) else math.nan)
                continue
            value = math.nan if text is None or text in NA else _number(text)
            if math.isnan(value) and not _is_gap(text, True):
                raise ValueError("row %d, column %r: %r is not a number" % (row, name, text))
            out.append(value if math.isfinite(value) else math.nan)
        return np.array(out)
    both = [(math.nan, math.nan) if text is None or text in NA else _date(text) for text in texts]
    for row, (pair, text) in enumerate(zip(both, texts)):
        if all(map(math.isnan, pair)) and not _is_gap(text, True):
            raise ValueError("row %d, column %r: %r is not a date" % (row, name, text))
    only_day = sum(not math.isnan(d) and math.isnan(m) for d, m in both)
    only_month = sum(math.isnan(d) and not math.isnan(m) for d, m in both)
    day_first = DAY_FIRST.get(name, only_month <= only_day)
    return np.array([d if day_first else m for d, m in both])


def _labels(name, cells):
    """Texts of a column of categories, spelled as in training where only the case differs; None for gaps."""
    known = {}
    for column, kind, category, other, _, _, _ in INPUTS:
        for text in (category, other) if column == name else ():
            if text is not None:
                known[text.lower()] = None if known.get(text.lower(), text) != text else text
    among_numbers = all(not math.isnan(_number(text)) for text in known)
    out = []
    for cell in cells:
        text = _text(cell)
        if text is not None and text not in NA:
            value = _plain_number(text)
            if math.isfinite(value) and not (len(text) > 15 and _label(value) != text):
                text = _label(value)
        if text is not None and text.lower() in known:
            out.append(known[text.lower()] or text)
        elif _is_gap(text, among_numbers) or text.lower() == "na":
            out.append(None)
        else:
            out.append(text)
    return out


def _wave(kind, days):
    """Place in the week or in the year of days since 1970-01-01, as sine or cosine."""
    part, wave = kind.split()
    angle = 2 * math.pi * np.fmod(days / (7 if part == "weekday" else 365.2425), 1)
    return np.sin(angle) if wave == "sine" else np.cos(angle)


def encode(frame):
    """Rows x inputs, scaled as in training; NaN where a gap is not filled."""
    read, columns = {}, []
    for name, kind, category, _, fill, mean, scale in INPUTS:
        if name not in read:
            cells = _column(frame, name)
            read[name] = _labels(name, cells) if kind == "category" else _values(name, kind, cells)
        gap = math.nan if fill is None else fill
        if kind == "category":
            values = np.array([gap if text is None else float(text == category) for text in read[name]])
        elif kind in ("number", "date"):
            values = np.where(np.isnan(read[name]), gap, read[name])
        else:
            values = np.where(np.isnan(read[name]), gap, _wave(kind, read[name]))
        columns.append((values - mean) / scale)
    z = np.stack(columns, axis=1) if columns else np.zeros((0, 0))
    return z if WHITEN is None else z @ WHITEN


def outputs(frame):
    """Rows x outputs: the target in its own units; one logit (above THRESHOLD: the second class); or one output per class."""
    z = encode(frame)
    for at, (W, b) in enumerate(LAYERS):
        following = z @ W + b
        if at + 1 < len(LAYERS) and GATES is not None:
            following = np.where(z @ GATES[0] + GATES[1] >= 0, following, 0.0 * following)
        elif at + 1 < len(LAYERS) and RELU:
            following = np.maximum(following, 0.0)
        z = following
    return TARGET_MEAN + TARGET_SCALE * z


def predict(frame):
    """One number or class a row; NaN or None where a gap is not filled."""
    raw = outputs(frame)
    if not CLASSES:
        return raw[:, 0]
    known = ~np.isnan(raw).any(axis=1)
    best = raw[:, 0] > THRESHOLD if raw.shape[1] == 1 else np.argmax(np.where(np.isnan(raw), -np.inf, raw), axis=1)
    return [CLASSES[int(k)] if there else None for k, there in zip(best, known)]
`.trimStart();
