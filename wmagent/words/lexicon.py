"""English words that say little, yes or no, good or bad, begun or done.
Knows word stems; must not know facts of any model."""

from __future__ import annotations

from wmagent.words.phrases import stem_set

STOP = stem_set(
    "a an the it its this that be is are was been being have has had get gets got getting make makes made making "
    "sure ensure bring brings keep keeps become becomes reach set let do does to of for with and then so please "
    "want need wants needs i we you my our should must can will would shall as by at into in on there state "
    "possible soon quickly try turn turned switch switched put goal case while also both still until end up go "
    "listen okay ok hey hi thank thanks kindly grateful glad appreciate could let lets see really actually finally "
    "just way us him her them only time everyone everybody got ve re ll d s t here now obtain reach achieve"
)
YES = stem_set("true yes on enabled enable active activated")
NO = stem_set("false no off disabled disable inactive deactivated out")
GENERAL = stem_set("status state stage outcome result phase mode setting")
NOTHING = stem_set("none no false absent nothing null unknown 0")
OVER = stem_set("cleared closed resolved ended lifted removed released cancelled canceled over")
BAD = stem_set(
    "aborted bad badly blocked broken cancelled canceled crashed damaged declined defective degraded denied "
    "disputed down error escalated expired failed failing frozen impatient invalid late lost overdue poorly "
    "slowly refused rejected stopped suspended overpaid underpaid withdrawn wrong"
)
UNFINISHED = stem_set(
    "draft drafted incomplete missing new open partial pending planned progress started unknown waiting"
)
NEGATIONS = stem_set("no not never none nothing without nobody neither")
YET = stem_set("yet still far")
TURNS = frozenset(("no", "not", "never", "none", "nothing", "without", "hardly", "nobody", "neither", "still", "yet"))
DETERMINERS = frozenset(("the", "a", "an", "our", "my", "your", "their", "its", "this", "that", "any", "no", "put"))
DONE = stem_set("done finished complete completed ready through place")
EVERY = frozenset(("all", "every", "everything", "each", "both"))
