"""Which instrument of General MIDI plays a part: what the file says, else its name in four languages."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["PIANO", "program_of_name"]

PIANO = 0
KEY = r"\b(in|en)\s+([a-h]|si|la|sol|fa|mi|re|do|ut|es|as)\s*(♭|♯|b|#|is|es|flat|sharp|bemolle?)?(?![a-z])"

NAMES = {
    0: "piano, pianoforte, klavier, flugel, grand piano, pno, pf, klav",
    4: "electric piano, e piano, rhodes, piano elettrico, piano electrique",
    6: "harpsichord, cembalo, clavicembalo, clavecin, hpsd, cemb, spinet, virginal",
    8: "celesta, celeste, cel",
    9: "glockenspiel, campanelli, jeu de timbres, glock, glsp",
    11: "vibraphone, vibrafono, vibraphon, vib",
    12: "marimba",
    13: "xylophone, xilofono, xylophon, silofono, xyl",
    14: "tubular bells, chimes, campane, rohrenglocken, glocken, cloches",
    19: "organ, organo, orgel, orgue, pipe organ, org, church organ, continuo, basso continuo",
    21: "accordion, fisarmonica, akkordeon, accordeon",
    22: "harmonica, armonica, mundharmonika",
    23: "bandoneon, concertina, concertino",
    24: "guitar, chitarra, gitarre, guitare, gtr, git, chit, classical guitar, lute, liuto, laute, luth, theorbo, "
    "tiorba, theorbe, ukulele, mandolin, mandolino, mandoline",
    25: "acoustic guitar, steel guitar, westerngitarre",
    27: "electric guitar, e gitarre, chitarra elettrica, guitare electrique, lead guitar, rhythm guitar",
    32: "acoustic bass, upright bass",
    33: "bass guitar, electric bass, e bass, basso elettrico, guitare basse, bassgitarre, basse electrique",
    40: "violin, violino, violini, violine, violinen, geige, geigen, violon, violons, vln, vl, vn, vlne, viol, fiddle",
    41: "viola, viole, bratsche, bratschen, vla, va, br, altos",
    42: "cello, violoncello, violoncelli, violoncelle, violoncelles, celli, vc, vcl, vlc, vlc, viola da gamba, gamba, "
    "viole de gambe, viola da gamba, viol da gamba, bass viol",
    43: "contrabass, double bass, contrabbasso, contrabbassi, kontrabass, kontrabasse, contrebasse, contrebasses, "
    "string bass, cb, kb, db, violone",
    46: "harp, arpa, harfe, harpe, hp, hrf, arp",
    47: "timpani, timpano, pauken, pauke, timbales, kettledrums, timp, pk",
    48: "strings, archi, streicher, cordes, string orchestra, str",
    52: "voice, voce, stimme, voix, singer, vocals, gesang, canto, chant, singstimme, choir, coro, chor, choeur, "
    "chorus, soprano, sopran, sop, mezzosoprano, mezzo soprano, mezzo, mezzosopran, alto, alt, contralto, "
    "countertenor, tenor, tenore, ten, baritone, baritono, bariton, baryton, bass, basso, basse, cantus, altus, "
    "bassus, s, a, t, b, voc",
    56: "trumpet, tromba, trombe, trompete, trompeten, trompette, trompettes, tpt, tr, trp, cornet, cornetta, kornett, "
    "flugelhorn, clarino, clarin",
    57: "trombone, tromboni, posaune, posaunen, trombones, tbn, trb, pos, bass trombone, tenor trombone, "
    "alto trombone, bassposaune, trombone basso, trombone basse, tenorposaune, altposaune",
    58: "tuba, tba, basstuba, euphonium, bombardino, baritone horn, tenor horn, ophicleide",
    60: "horn, corno, corni, horner, cor, cors, french horn, waldhorn, hn, hr, hrn, cor d harmonie",
    61: "brass, ottoni, blechblaser, cuivres",
    64: "soprano saxophone, soprano sax, sopransaxophon, saxophone soprano, sassofono soprano",
    65: "saxophone, sax, saxophon, sassofono, alto saxophone, alto sax, altsaxophon, saxophone alto, "
    "sassofono contralto, a sx, asax",
    66: "tenor saxophone, tenor sax, tenorsaxophon, saxophone tenor, sassofono tenore, t sx, tsax",
    67: "baritone saxophone, baritone sax, baritonsaxophon, saxophone baryton, sassofono baritono, b sx, bari sax",
    68: "oboe, oboi, oboen, hautbois, htb, ob, oboe d amore, oboe da caccia, hautbois d amour",
    69: "english horn, corno inglese, englischhorn, cor anglais, e h, eh, c a, c i, c ing",
    70: "bassoon, fagotto, fagotti, fagott, fagotte, basson, bassons, bn, bsn, fg, fag, contrabassoon, controfagotto, "
    "kontrafagott, contrebasson, dulcian, cbn, cfg, kfg",
    71: "clarinet, clarinetto, clarinetti, klarinette, klarinetten, clarinette, clarinettes, cl, kl, clar, "
    "bass clarinet, clarinetto basso, bassklarinette, clarinette basse, clarone, b cl, basset horn, "
    "bassetthorn, corno di bassetto, basset clarinet",
    72: "piccolo, ottavino, kleine flote, petite flute, picc, ott, piccoloflote, flauto piccolo",
    73: "flute, flauto, flauti, flote, floten, querflote, flutes, fl, traverso, flauto traverso, alto flute, altflote, "
    "flauto contralto, bass flute",
    74: "recorder, blockflote, flauto dolce, flute a bec, flauto diritto, rec, blfl",
    75: "pan flute, panflote, flauto di pan, flute de pan",
    78: "whistle, tin whistle",
    80: "synth, synthesizer, synthesiser, keyboard, keyboards, lead, synth lead",
    89: "pad, synth pad",
    104: "sitar",
    105: "banjo",
    109: "bagpipe, bagpipes, cornamusa, dudelsack, cornemuse",
}
TABLE = {tuple(name.split()): program for program, names in NAMES.items() for name in names.split(", ")}
LONGEST = max(map(len, TABLE))


def program_of_name(name: str) -> int | None:
    """Return the program that a name such as `Clarinet in Bb 2` or `Vl. I` means: the longest known, then the first.

    None for a name that names none.
    """
    words = _words(name)
    spans = [tuple(words[i : i + n]) for n in range(LONGEST, 0, -1) for i in range(len(words) - n + 1)]
    whole = [span for span in spans if span in TABLE and (len(span[0]) > 1 or len(span) == len(words))]
    return TABLE[whole[0]] if whole else None


def _words(name: str) -> list[str]:
    """Return the words in small letters without accents and numbers, and without the key of a transposing one."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("œ", "oe"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(KEY, " ", plain)
    return re.findall(r"[a-z]+", plain)
