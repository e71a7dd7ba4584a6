"""Tables of `cooptag.text`: scripts, abbreviations, tell-tale words and the Zawgyi code points. Data only.

All lists are our own. A change here changes what the model is fed: bump `cooptag.text.TEXT_VERSION` with it.
"""

from typing import Final

# Character classes (inside [...]) that settle the language without a model. Kana and Han are told apart in `text.py`.
SCRIPTS: Final[dict[str, str]] = {
    "th": "\u0e01-\u0e5b",
    "lo": "\u0e81-\u0edf",
    "km": "\u1780-\u17ff",
    "my": "\u1000-\u109f\ua9e0-\ua9fe\uaa60-\uaa7f",
    "zh": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "ja": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "ko": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "hi": "\u0900-\u097f",
    "ta": "\u0b80-\u0bff",
    "ar": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "ru": "\u0400-\u052f",
    "latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
    # Recognised so that they outvote a stray Latin word; the product has no language for them.
    "und": "\u0370-\u03ff\u0530-\u05ff\u0980-\u0b7f\u0c00-\u0d7f\u10a0-\u10ff",
}
# One Han character carries about as much as three Latin letters, one Hangul syllable as two.
SCRIPT_WEIGHT: Final[dict[str, int]] = {"zh": 3, "ja": 3, "ko": 2}

# Letters that Vietnamese uses and none of our other languages does (Portuguese has ã and õ, so they are not here).
VIETNAMESE_LETTERS: Final = "ăđĩũơưĂĐĨŨƠƯ\u1ea0-\u1ef9"

# Function words: a fourth of an English text is made of them, and no other text.
ENGLISH_WORDS: Final = (
    "the The of and to in In for on with that is are was were by as from at be has have had will would this their its our we We "
    "it It they which also between not or an a A this This these an all more who been"
)

# Malay and Indonesian share most words; these do not cross the border. Months, days, offices, loan-word spellings.
INDONESIAN_WORDS: Final = (
    "karena bisa kantor uang perusahaan mengatakan pekan senin rabu kamis jumat sabtu minggu januari februari maret "
    "juni juli agustus oktober desember kesehatan provinsi keamanan pelatihan resmi kunjungan investasi universitas "
    "pariwisata mahasiswa beasiswa memperkuat yaitu pemerintah polisi menlu kemlu ri sepakat persen miliar rupiah "
    "inggris prancis jepang selandia tiongkok cina afrika dubes wni luar kebijakan lembaga upaya pihaknya riset rapat "
    "gubernur bupati walikota kabupaten saat hanya ketika bahkan silakan gratis butuh anggota bekerja kerja"
)
MALAY_WORDS: Final = (
    "kerana boleh pejabat wang syarikat isnin khamis jumaat ahad mac jun julai ogos disember kesihatan "
    "keselamatan latihan rasmi lawatan pelaburan universiti pelancongan biasiswa memperkukuh mengukuhkan "
    "memperkukuhkan iaitu kerajaan ialah bersetuju kerjasama hala peratus bilion ringgit perancis jepun turut beliau "
    "sahaja sekiranya mesyuarat hadapan bilakah dato datuk polis kereta basikal penyelidikan perbincangan rundingan "
    "pelbagai bandar perkhidmatan eksport rakan rantau anjuran perkongsian cadangan sewaktu percuma ahli"
)

# Full stops that never end a sentence, whatever follows: titles and offices before a name. Compared case-sensitively.
TITLES: Final[tuple[str, ...]] = (
    # Vietnamese
    "TP", "Tp", "TX", "Tx", "TT", "PGS", "GS", "TS", "ThS", "Ths", "BS", "KS", "KTS", "CN", "NGND", "NGƯT", "NSND",
    "NSƯT", "PTS", "TSKH", "Nxb", "NXB", "Đ/c", "đ/c",
    # shared, English and Philippine
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Mme", "Mlle", "Hon", "Sen", "Rep", "Gov", "Gen", "Col", "Capt", "Lt", "Amb",
    "Gng", "Bb", "Atty", "Engr", "En", "Tn", "Pn", "Hj", "Ir",
    # Tamil: Mr, Mrs
    "திரு", "திருமதி",
    # Lao: doctor
    "ດຣ", "ປອ",
)  # fmt: skip
# Full stops that never end a sentence before a number: page, article, district, number.
BEFORE_NUMBER: Final[tuple[str, ...]] = (
    "No", "Nos", "Nr", "Tr", "tr", "p", "pp", "Art", "art", "Fig", "Vol", "Q", "P", "Đ", "K", "Sec", "Jl", "Bil",
)  # fmt: skip

# Zawgyi gives one Burmese code point several shapes; each maps to Unicode here, still in Zawgyi's visual order.
# Private stand-ins while reordering: nga-asat-virama, drawn above its consonant; the r drawn around the one after it.
KINZI: Final = "\ue000"
WRAP: Final = "\ue001"
_STACKED: Final = {
    0x1060: 0x1000, 0x1061: 0x1001, 0x1062: 0x1002, 0x1063: 0x1003, 0x1065: 0x1005, 0x1066: 0x1006, 0x1067: 0x1006,
    0x1068: 0x1007, 0x1069: 0x1008, 0x106C: 0x100B, 0x106D: 0x100C, 0x1070: 0x100F, 0x1071: 0x1010, 0x1072: 0x1010,
    0x1073: 0x1011, 0x1074: 0x1011, 0x1075: 0x1012, 0x1076: 0x1013, 0x1077: 0x1014, 0x1078: 0x1015, 0x1079: 0x1016,
    0x107A: 0x1017, 0x107B: 0x1018, 0x107C: 0x1019, 0x1085: 0x101C, 0x1093: 0x1018,
}  # fmt: skip
ZAWGYI_TO_UNICODE: Final[dict[int, str]] = {
    **{shape: "\u1039" + chr(letter) for shape, letter in _STACKED.items()},
    **dict.fromkeys((0x103B, *range(0x107E, 0x1085)), WRAP),
    0x1039: "\u103a", 0x103A: "\u103b", 0x107D: "\u103b", 0x103C: "\u103d", 0x108A: "\u103d\u103e",
    0x103D: "\u103e", 0x1087: "\u103e", 0x1088: "\u103e\u102f", 0x1089: "\u103e\u1030",
    0x1033: "\u102f", 0x1034: "\u1030", 0x105A: "\u102b\u103a", 0x108E: "\u102d\u1036",
    0x1094: "\u1037", 0x1095: "\u1037",
    0x1064: KINZI, 0x108B: KINZI + "\u102d", 0x108C: KINZI + "\u102e", 0x108D: KINZI + "\u1036",
    0x106A: "\u1009", 0x106B: "\u100a", 0x108F: "\u1014", 0x1090: "\u101b", 0x1086: "\u103f",
    0x106E: "\u100d\u1039\u100d", 0x106F: "\u100d\u1039\u100e",
    0x1091: "\u100f\u1039\u100d", 0x1092: "\u100b\u1039\u100c",
    0x1097: "\u100b\u1039\u100b", 0x1096: "\u1039\u1010\u103d", 0x104E: "\u104e\u1004\u103a\u1038",
}  # fmt: skip
# Order of the signs after a Burmese consonant in Unicode storage order (UTN 11).
BURMESE_ORDER: Final[dict[str, int]] = {
    sign: rank
    for rank, group in enumerate(
        (KINZI, "\u1039", "\u103b", WRAP, "\u103d", "\u103e", "\u1031", "\u102d\u102e\u1032", "\u102f\u1030",
         "\u102b\u102c", "\u1036", "\u1037", "\u103a", "\u1038")
    )
    for sign in group
}  # fmt: skip
