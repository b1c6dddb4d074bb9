"""What people say around a goal: interjections, circumstances, "it is done when …", "by then". Rewrites a goal's words
to what is wanted, before clauses are read. Knows English turns of phrase and limits, and facts only as stems."""

from __future__ import annotations

import re
from collections.abc import Callable

from wmagent.agent.limits import bare_duration, take_limits
from wmagent.words.lexicon import STOP
from wmagent.words.phrases import stems

_SEGMENT = re.compile(r"[^,;:.!?]+[,;:.!?]*\s*")
_INTERJECTION = re.compile(
    r"^\W*(?:(?:and|so|but|well|now|just)\s+)?(?:(?:hey|hi|hello|oh|ok|okay|yeah|yes|right|please|thanks|thank you"
    r"|listen|look|folks|guys|everybody|everyone|honestly|frankly|seriously|whatever you do|whatever happens"
    r"|can you manage|(?:can|could|would|will) you|do you hear|help me out(?: here)?"
    r"|(?:also )?not (?:any )?(?:longer|later|more|one more)"
    r"|no (?:later|longer|more)|(?:also )?not (?:at any (?:stage|point|time)|for (?:a )?(?:short (?:time"
    r"|while)|moment))|period"
    r"|th(?:an)?x|let's (?:move|go|do it)|(?:please )?plan (?:it|this|that)|tell me how[^,;:.!?]*|each as agreed"
    r"|(?:how|what) (?:do|can|should|would) (?:we|i) [^,;:.!?]*|can you (?:help|plan|make|do|manage"
    r"|arrange)[^,;:.!?]*"
    r"|not even [^,;:.!?]*|(?:that|this)(?:'s| is) (?:all|it|the (?:target|aim|goal)|what)[^,;:.!?]*"
    r"|so the thing is|you know|i mean|as you know|no excuses"
    r"|not (?:just|only|merely) [^,;:.!?]*|if (?:you please|possible|at all possible|you can|that works))\W*)+$",
    re.I,
)
_ANY_TIME = re.compile(
    r"(?:,|\.|;|-|\band\b)?\s*\b(?:(?:but |and )?(?:however|no matter how|i don't (?:mind|care) how"
    r"|we don't (?:mind|care) how)"
    r" long (?:it|this|that) (?:takes?|may take|might take|will take)"
    r"|(?:there is |there's |with |and )?no (?:time ?(?:limit|frame|pressure)|deadline|hurry|rush|fixed date|date)"
    r"(?: (?:on|for) (?:it|this|that))?"
    r"|(?:no matter|whenever|regardless of|i don't (?:mind|care)) when(?:ever)?(?: (?:it|that|this) (?:is"
    r"|may be|happens))?"
    r"|whenever (?:it|that|this) (?:is|may be|might be|happens)|take (?:all the|your|whatever"
    r"|as much) time(?: (?:you|as) (?:need|want))?"
    r"(?: with (?:it|this|that))?(?: you need)?|(?:the )?tim(?:e|ing) (?:is|does)(?:n't| not)? ?(?:so "
    r"|really |that )?"
    r"(?:important|fixed|critical|matter|up to you|open|flexible|no issue)"
    r"|it (?:can|may) take (?:as long as it (?:takes|needs|has to)|its time|any time|a while)"
    r"|time (?:does not|doesn't) matter|without (?:a |any )?(?:deadline|time limit|time pressure))\b",
    re.I,
)
_DASH = re.compile(r"\s+(?:-|–|—)+\s+")
_OPENING = re.compile(
    r"^\s*(?:so |well |ok |okay |hi |hello )*(?:the thing is,?|it is (?:needed|required|necessary"
    r"|important)(?: that|:)?"
    r"|(?:the|our|my) (?:aim|goal|idea|target|wish|plan|point)(?: here| now)? is(?: that| to)?"
    r"|what (?:i|we) (?:want|need)(?: in the end| here| now)? is(?: that| to)?"
    r"|(?:i|we) need that|(?:could|would|can|will) you (?:please |kindly )*(?:ensure|see to it|make sure)(?: that)?"
    r"|(?:i|we)(?:'d| would) (?:be )?(?:very |really )?(?:grateful|glad|happy|obliged"
    r"|thankful) if you (?:could|would|can))\s*",
    re.I,
)
_UNTIL_DONE = re.compile(
    r"^\s*(?:(?:please|kindly|you could|could you|let's|we|i|just|can you)\s+)*"
    r"(?:see|keep|push|follow|carry|work|stay|go|drive|stick|get|bring)\b[^,;.]*?\b(?:until|till)\s+(?=the"
    r"|all|everything|\w+ (?:is|are|has|have)\b)",
    re.I,
)
_REASON = re.compile(
    r"^\s*(?:as|since|because|after|now that|given that|with|seeing that|considering)\s+[^,;]*,\s*"
    r"(?=(?:let's|let us|could|can|would|will|i|we|please|get|make|have|the)\b)",
    re.I,
)
_TO_BE = re.compile(
    r":\s*(?:(?:is |has |needs )?to be|must be|should be|to become|bring (?:it )?to(?: status)?"
    r"|get(?: it)?(?: to)?)\s+",
    re.I,
)
_PROGRESS = re.compile(
    r"^\s*(?:(?:hi|hello|hey)(?: there)?,\s*)?[^,;.]*\b(?:is|are|'s|'re|keeps?|kept|was"
    r"|were)\s+(?:\w+\s+)?\w+ing\b[^,;.]*,\s*"
    r"(?:so\s+)?(?=(?:can|could|let's|how|what|so|we|i|please|may)\b)",
    re.I,
)
_COMPOUND = re.compile(r"\b(\d+|a|one|two|three|four|five|six|seven|eight|nine|ten) days? and (\d+) hours?\b", re.I)
_ODD_TIMES = (
    (re.compile(r"\b(?:a|one) day and a half\b|\b(?:one|1) and a half days?\b", re.I), "36 hours"),
    (re.compile(r"\bhalf a day\b", re.I), "12 hours"),
)
_WRITTEN = (
    (re.compile(r"(?:\b(?:in |within ))?(?:<=|≤|=<|<)\s*(?=\d+\s*(?:h|hrs?|hours?|d|days?)\b)", re.I), "within "),
    (
        re.compile(r"\b(?:hard |time |max )*(?:budget|limit)\s*:?\s*(?:of )?(?=\d+\s*(?:h|hours?|days?)\b)", re.I),
        "within ",
    ),
    (re.compile(r"\b(\d+\s*(?:h|hours?|days?)) (?:hard |time )?budget\b", re.I), r"within \1"),
    (re.compile(r"\bwithin (?:a|the) (?:period|space|span) of\b", re.I), "within"),
    (re.compile(r"\b(hours?|days?|h) or (?:sooner|earlier|faster|quicker)\b", re.I), r"\1 or less"),
)
_DAYS = ["a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_ONLY_TIME = re.compile(
    r"^\W*(?:(?:and|so|but|well|now|ok|okay|then|only|just|max(?:imum)?|limit|due|time|in|for|of|it|is|you|we"
    r"|i|they|have|has|got|get"
    r"|'ve|'s|there|are|exactly|all|that|that's|left|tops|to|do|this|at|most|deadline|working|from|now|today"
    r"|on|the|clock)\b\W*)*$",
    re.I,
)
_LABEL = re.compile(
    r"^\s*(?:[\w'-]+\s+){0,3}(?:target|goal|aim|objective|request|task|wish|ticket|to ?do|title|subject"
    r"|wanted|needed)\s*:\s*",
    re.I,
)
_THINGS = re.compile(
    r"\b(?:i|we)(?:'d| would)? (?:like|want|need) (?:these |those |the following )?"
    r"(?:two|three|four|both|some|the following)?\s*things?(?: done)?\s*:\s*",
    re.I,
)
_DONE_WHEN = re.compile(
    r"^\s*(?:the |this |our |my |it |we |i )?(?:[\w'-]+ ){0,3}?(?:(?:is|are|am|'re|'s|will be|has been|counts as)\s*"
    r"(?:finished|done|complete|completed|over|happy|satisfied|successful|through)"
    r"|(?:ends|end|goes|went|works out)(?: well)?"
    r"|(?:has|have) (?:reached|met|achieved) (?:its|our|the|my) (?:goal|aim|target|objective))"
    r"\s+(?:only )?(?:when|once|as soon as|if)\s+",
    re.I,
)
_THROUGH = re.compile(
    r"\s*\b(?:through|going|at it|on it)? ?(?:until|till) (?:it|they|this|that)(?:'s| is| are| has been)\b", re.I
)
_GLAD = re.compile(
    r"\b(?:i|we|it)(?:'d| would) (?:be )?(?:very |really |much |so )?(?:pleased|delighted|thankful|nice|great|good"
    r"|lovely|helpful|appreciate it) (?:if|to see)\b",
    re.I,
)
_CIRCUMSTANCE = re.compile(r"^(?P<why>[^.;]*?),?\s+so(?: that's why)?,?\s+(?=\w)", re.I)
_REALLY_WANT = re.compile(
    r"^.*?\b(?:what|all) (?:i|we) (?:really |actually )?(?:want|need|care about|ask for)(?: now)? is\b"
    r"(?: to see| that)?",
    re.I,
)
_WISH = re.compile(
    r"\b(?:i|we)(?:'d)? (?:want|need|would like|like|expect|wish)\b|\b(?:must|should|shall|please|let's|let us"
    r"|make sure|see to it|has to|have to|needs to be|ensure)\b",
    re.I,
)  # fmt: skip
_ON_THE_WAY = re.compile(
    r"\b(?:is|are|be|being)?\s*\bnot\b(?P<what>[^,;]*?)\b(?:along|on|during|in) the (?:way"
    r"|process)(?: there)?\b",
    re.I,
)
_NOT_EVER = re.compile(r"\bnot\b(?P<what>[^,;]*),\s*(?:ever|never)\b", re.I)
_INTO = re.compile(
    r"\b(?:just )?(?:don't|do not) (?:get|run|bring|put|land) (?:us |me |it |this |you )?(?:in|into|under)\b", re.I
)
_NEVERS = (
    (re.compile(r"\bw/o\b", re.I), "without"),
    (re.compile(r"\b(?:nobody|no one|no-one)\b", re.I), "never"),
    (re.compile(r"\b(?:don't|do not) ever\b", re.I), "never"),
)
_CLEAR_OF = re.compile(r"\b(?:stay|steer|keep)(?:ing)? (?:clear|away|out|free) (?:of|from)\b(?: any| a)?", re.I)
_BY_THEN = re.compile(r"\s*,?\s*\b(?:by|until|till|before) then\b(?: too| as well)?,?", re.I)
_ALL_OF = re.compile(r"^(?P<keys>[^:]+):\s*(?:all|both)\s+(?P<value>[\w' -]+?)(?P<rest>,.*)?$", re.I)
_ALL_THREE = re.compile(
    r"^(?P<before>.*?)\b(?:all|both)(?: two| three| four| of them)? (?P<value>[\w' -]+?)\s*:\s*(?P<keys>[^:]+)$", re.I
)

Speaks = Callable[[str], bool]  # does a text use words of facts?


def plain(words: str, speaks: Speaks) -> str:
    """Return the words without what is said around a goal.

    `speaks` says whether a text uses any word of a known fact: what does is never taken for a mere circumstance.
    """
    words = _times(_DASH.sub(", ", words.replace("’", "'")))
    words = _TO_BE.sub(": ", words)
    if (shorter := _ANY_TIME.sub("", words)).strip(" .,;!?") and bare_duration(words) is None:
        words = shorter
    for pattern, plainly in _NEVERS:
        words = pattern.sub(plainly, words)
    words = _ON_THE_WAY.sub(lambda found: f" never{found['what']}", words)
    words = _NOT_EVER.sub(lambda found: f"never{found['what']}", words)
    words = _CLEAR_OF.sub("never", _INTO.sub("never", words))
    words = _without_interjections(words)
    words = _by_then(_time_alone(words), speaks)
    if (found := _PROGRESS.match(words)) and not _WISH.search(found[0]) and _no_limit(found[0]):
        words = words[found.end() :]
    words = _UNTIL_DONE.sub("", _OPENING.sub("", _REASON.sub("", words)))
    words = _THINGS.sub(" ", _LABEL.sub("", words))
    words = _GLAD.sub(" ", _DONE_WHEN.sub("", _THROUGH.sub(" ", words)))
    if found := _REALLY_WANT.match(words):
        before = re.split(r"\b(?:what|all) (?:i|we)\b", found[0], maxsplit=1, flags=re.I)[0]
        if not _WISH.search(before):
            words = words[found.end() :]
    if (found := _CIRCUMSTANCE.match(words)) and not _WISH.search(found["why"]) and _no_limit(found["why"]):
        words = words[found.end() :]
    return _listed(words).strip()


def _without_interjections(words: str) -> str:
    parts = _SEGMENT.findall(words)
    kept = [part for part in parts if not _INTERJECTION.match(part)]
    return "".join(kept) if kept else words


def _times(words: str) -> str:
    """Write "6 days and 16 hours", "half a day" and the like as hours."""

    def hours(found: re.Match[str]) -> str:
        days = int(found[1]) if found[1].isdigit() else max(1, _DAYS.index(found[1].lower()))
        return f"{24 * days + int(found[2])} hours"

    words = _COMPOUND.sub(hours, words)
    for pattern, plainly in (*_ODD_TIMES, *_WRITTEN):
        words = pattern.sub(plainly, words)
    return words


def _time_alone(words: str) -> str:
    """Let a part that says nothing but a time, "Five days, then …", be the limit."""
    parts = _SEGMENT.findall(words)
    if parts and (time := bare_duration(parts[0])) and re.match(rf"\W*{re.escape(time)} to (?=\w)", parts[0], re.I):
        parts = [f"{time}, ", parts[0].split(" to ", 1)[1], *parts[1:]]
    for place, part in enumerate(parts):
        time = bare_duration(part)
        if time and len(parts) > 1 and _ONLY_TIME.match(part.replace(time, " ")):
            rest = "".join(each for number, each in enumerate(parts) if number != place)
            if take_limits(rest).deadline is None:
                rest = re.sub(r"^\W*(?:then|and|so|by then)\b\s*", "", rest, flags=re.I)
                return f"{rest.strip(' ,;.')} within {time}"
    return words


def _by_then(words: str, speaks: Speaks) -> str:
    """Let "we have ten days, and … by then" be a limit: the part that only names a time goes, its time stays."""
    if not _BY_THEN.search(words):
        return words
    parts = _SEGMENT.findall(words)
    times = [(place, time) for place, part in enumerate(parts) if (time := bare_duration(part)) and not speaks(part)]
    if len(times) != 1 or any(
        take_limits(part).deadline is not None for place, part in enumerate(parts) if place != times[0][0]
    ):
        return words
    place, time = times[0]
    rest = _BY_THEN.sub(" ", "".join(part for number, part in enumerate(parts) if number != place))
    return f"{re.sub(r'^(?:and|so|but)? *', '', rest.strip(), flags=re.I).strip(' ,')} within {time}"


def _no_limit(words: str) -> bool:
    return take_limits(words).deadline is None and bare_duration(words) is None


def _listed(words: str) -> str:
    """Write "a, b: all done" and "all three done: a, b" as one clause per part."""
    if found := _ALL_OF.match(words):
        keys, value, rest = found["keys"], found["value"], found["rest"] or ""
    elif found := _ALL_THREE.match(words):
        keys, value, rest = found["keys"], found["value"], ""
    else:
        return words
    names = [name.strip(" .!") for name in re.split(r",|\band\b", keys) if name.strip(" .!")]
    limit = bare_duration(names[-1]) if names else None
    if len(names) < 2 or limit or any(set(stems(name)) <= STOP for name in names):
        return words
    return " and ".join(f"{name} is {value}" for name in names) + rest
