"""`cooptag.jobs.parties`: which countries and organisations a sentence names. Every sentence here is our own."""

import re
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cooptag.errors import UsageError
from cooptag.jobs import parties_data as data
from cooptag.jobs.parties import Gazetteer
from cooptag.text import LANGUAGES

pytest.importorskip("babel")
GAZETTEER = Gazetteer()

# (language, sentence, ids in order)
SENTENCES = [
    ("vi", "Thủ tướng Việt Nam hội đàm với Tổng thống Mỹ John Brown.", "VN US"),
    ("vi", "Quan hệ Việt-Nhật và hợp tác Việt Nam-Hàn Quốc phát triển.", "VN JP KR"),
    ("vi", "Hội nghị Trung-Nhật-Hàn diễn ra tháng tới.", "CN JP KR"),
    ("vi", "Hai nước Việt – Lào ký kết, Liên hợp quốc hoan nghênh.", "VN LA UN"),
    ("vi", "Liên bang Nga, Cộng hòa Séc và Thuỵ Sĩ cử đại diện.", "RU CZ CH"),
    ("vi", "Cộng hòa Dân chủ Congo và Tổ chức Y tế Thế giới chống dịch.", "CD WHO"),
    ("en", "The US, South Korea and the DPRK spoke; Viet Nam–Japan ties grew.", "US KR KP VN JP"),
    ("en", "The Democratic Republic of the Congo borders the Republic of the Congo.", "CD CG"),
    ("en", "UNICEF and the U.N. thanked Côte d’Ivoire, Türkiye and Cabo Verde.", "UNICEF UN CI TR CV"),
    ("en", "Chinese and Lao officials met at the Mekong River Commission.", "CN LA MRC"),
    ("id", "Uni Eropa dan PBB membantu Papua Nugini serta Korea Selatan.", "EU UN PG KR"),
    ("th", "ไทยและสหรัฐฯ หารือกับอาเซียนและองค์การอนามัยโลก", "TH US ASEAN WHO"),
    ("ms", "Amerika Syarikat dan Kesatuan Eropah berunding dengan Kemboja.", "US EU KH"),
    ("fil", "Nag-usap ang Pilipinas, Hapon at Timog Korea.", "PH JP KR"),
    ("zh", "中越签署协议，印度尼西亚和ASEAN表示欢迎，聯合國也參加。", "CN VN ID ASEAN UN"),
    ("ja", "日米韓とベトナムがASEAN諸国と協議し、国連が支援した。", "JP US KR VN ASEAN UN"),
    ("ko", "한국과 베트남은 ASEAN의 역할을, 유엔에서는 미국의 제안을 논의했다.", "KR VN ASEAN UN US"),
    ("fr", "L’ONU, la France et les États-Unis aident la Guinée équatoriale.", "UN FR US GQ"),
    ("es", "España, EE. UU. y la República Dominicana apoyan a la ONU.", "ES US DO UN"),
    ("km", "កម្ពុជា និងវៀតណាម ជួបជាមួយអាស៊ាន។", "KH VN ASEAN"),
    ("lo", "ລາວ ແລະ ຫວຽດນາມ ຮ່ວມມືກັບອາຊຽນ.", "LA VN ASEAN"),
    ("my", "တရုတ်နိုင်ငံက မြန်မာနှင့် ဆွေးနွေးသည်။", "CN MM"),
    ("de", "Vertreter Chinas und der Vereinigten Staaten bei den Vereinten Nationen.", "CN US UN"),
    ("pt", "O Vietname, o Vietnã e os EUA apoiam a Guiné-Bissau.", "VN US GW"),
    ("ru", "Делегации России, Южной Кореи и Соединённых Штатов прибыли в Камбоджу.", "RU KR US KH"),
    ("ar", "وصل وفد فيتنام والصين وقدّم الشكر للأردن وبالأمم المتحدة.", "VN CN JO UN"),
    ("hi", "भारत ने वियतनाम और संयुक्त राष्ट्र के साथ काम किया; फ़्रांस भी आया।", "IN VN UN FR"),
    ("ta", "இந்தியாவும் ஜப்பானின் குழுவும் சீனாவுடன் பேசின.", "IN JP CN"),
]
# Sentences that name no party, or not the one that they seem to.
TRAPS = [
    ("en", "Ships crossed the South China Sea, the East China Sea and the Indian Ocean.", ""),
    ("en", "People of New Mexico live far from the Gulf of Mexico and the Jordan River.", ""),
    ("en", "Latin American ministers discussed the Indo-Pacific and the Korean peninsula.", ""),
    ("en", "Tell us who will eat turkey from the finest china; it costs US$5.", ""),
    ("en", "Papua New Guinea, Guinea-Bissau and Equatorial Guinea", "PG GW GQ"),
    ("en", "Nigeria, Dominica, the Dominican Republic, South Sudan", "NG DM DO SS"),
    ("en", "The Commonwealth of Independent States met the Commonwealth of Australia.", "CIS AU"),
    ("en", "A panamax sailed to Chinatown, Nigeriana and Guineas.", ""),
    ("vi", "Tàu qua Biển Đông, Ấn Độ Dương rồi tới Bắc Mỹ, Nam Mỹ và Mỹ Latinh.", ""),
    ("vi", "Vùng Ấn Độ Dương - Thái Bình Dương và bán đảo Triều Tiên.", ""),
    ("vi", "Ông Nguyễn Tuấn Anh, ông Trần Hưng Đức và bà Nga dạy tiếng Pháp.", ""),
    ("vi", "Chiếc áo và ý nga của anh, Chủ Nhật, tỉnh Lào Cai.", ""),
    ("vi", "Chính sách Mỹ - Trung Đông thay đổi.", "US"),
    ("zh", "印度洋、朝鲜半岛和台湾海峡；学生学习法语和韩国语。", ""),
    ("zh", "索马里和南苏丹", "SO SS"),
    ("ja", "インド太平洋のマリンスポーツと中国地方、英国語。", ""),
    ("ko", "인도적 지원과 인도·태평양, 그 수단은 인도양이다.", ""),
    ("th", "เรียนภาษาอังกฤษเรื่องทะเลจีนใต้", ""),
    ("fr", "Maurice et Dominique aiment la mer de Chine et la péninsule coréenne.", ""),
    ("fil", "Sino ang dumating?", ""),
    ("ru", "В Латинской Америке и в Индийском океане.", ""),
    ("ar", "الدعم المالي في المحيط الهندي وبحر الصين الجنوبي", ""),
    ("ta", "சீனி விலை உயர்ந்தது.", ""),
    ("en", "CAR T-cell therapy came up at the RSA conference and the RSA Conference.", ""),
    ("en", "Mr. Israel Stone, Dr Jordan Wells and Professor Chad Moss met the PMs of India.", "IN"),
    ("zh", "CAR-T疗法获批。", ""),
    ("fr", "L’Île-de-France a reçu Marie-France à l’heure.", ""),
    ("id", "Ia belajar Bahasa Belanda dan bahasa Jepang.", ""),
    ("zh", "山川越来越美丽。", ""),
    ("zh", "脱欧美国并不关心。", "US"),
    ("zh", "超越美国的经济。", "US"),
    ("vi", "Anh Nguyễn Văn Nam cho biết, Nga Phạm thì không.", ""),
    ("vi", "Mỹ Linh, Nhật Minh và Đức Anh cùng hát.", ""),
    ("vi", "Đức Anh học giỏi.", ""),
    ("vi", "Từ huyện Mỹ Đức, thị xã Mỹ Hào qua cầu Mỹ Thuận, đường Pháp Vân tới huyện Ý Yên.", ""),
]
# A name with a capital or a place's word beside it that is a country all the same.
COUNTRIES = [
    ("vi", "Anh và Pháp, Mỹ, Nga phản đối.", "GB FR US RU"),
    ("vi", "Các bên yêu cầu Mỹ rút quân khỏi các thành phố Đức.", "US DE"),
    ("vi", "Tổng thống Nga Ivan Petrov gặp Anh Quốc và Mỹ NATO.", "RU GB US NATO"),
    ("en", "Doctors in Jordan thanked Mr. Stone of Israel.", "JO IL"),
    ("id", "Belanda dan Jepang belajar bahasa.", "NL JP"),
]
# Chinese and Japanese pairs of initials, and dates and words that only look like one in front of a country.
PAIRS = [
    ("zh", "5日美国国务卿抵达。", "US"),
    ("zh", "11月3日中国代表团启程。", "CN"),
    ("zh", "近日越南外交部表态。", "VN"),
    ("zh", "节日中国游客增多。", "CN"),
    ("zh", "其中美国占比最高。", "US"),
    ("zh", "会谈中美方表示欢迎，演讲中法国总统致谢。", "US FR"),
    ("zh", "3日美军演习，５日中共代表、同日英超球员到访。", ""),
    ("zh", "其中日韩两国增长最快。", "JP KR"),
    ("zh", "会谈中英超成为话题，演讲中欧冠也是。", ""),
    ("zh", "3日，日美和中日韩会晤。", "JP US CN KR"),
    ("zh", "5日中日韩外长会晤。", "CN JP KR"),
    ("zh", "外长谈中美关系，也谈近年来日韩关系。", "CN US JP KR"),
    ("zh", "越方愿同日韩合作。", "VN JP KR"),
    ("zh", "中美国防部长和欧美国家的领导人到场。", "CN US EU"),
    ("zh", "中日本着友好精神对话。", "CN JP"),
    ("ja", "3日中国の外相が到着した。", "CN"),
    ("ja", "今日英国首相が語った。", "GB"),
    ("ja", "翌日米軍が去り、彼は毎日中国語を学ぶ。", ""),
    ("ja", "3日、日米と日米韓の会合。", "JP US KR"),
    ("ja", "日中国交正常化から日が経つ。", "JP CN"),
]


def ids(joined: str) -> tuple[str, ...]:
    return tuple(joined.split())


@pytest.mark.parametrize(("lang", "sentence", "expected"), SENTENCES + TRAPS + COUNTRIES + PAIRS)
def test_parties_of_a_sentence(lang: str, sentence: str, expected: str) -> None:
    found = GAZETTEER.find(sentence, lang)
    assert found == ids(expected), f"{lang}: {sentence!r} names {found}, expected {expected!r}"


def test_every_language_is_tested() -> None:
    assert {lang for lang, _, _ in SENTENCES} == set(LANGUAGES), "a language has no sentence"


@pytest.mark.parametrize(("lang", "sentence", "expected"), SENTENCES)
def test_composition_and_invisible_characters_change_nothing(lang: str, sentence: str, expected: str) -> None:
    decomposed = unicodedata.normalize("NFD", sentence)
    assert GAZETTEER.find(decomposed, lang) == ids(expected), "the decomposed text gives other parties"
    marked = "\ufeff" + re.sub(r"(?<=[a-z])(?=[a-z])", "\u200b", sentence).replace(" ", "\u00a0")
    assert GAZETTEER.find(marked, lang) == ids(expected), "zero-width or no-break spaces hide parties"


def test_english_names_and_abbreviations_are_found_in_every_language() -> None:
    for lang in LANGUAGES:
        assert GAZETTEER.find("(WTO) Papua New Guinea, APEC", lang) == ("WTO", "PG", "APEC"), lang


@pytest.mark.parametrize(("tag", "base"), [("zh-Hans", "zh"), ("VI", "vi"), ("tl", "fil"), ("sv", "en"), ("", "en")])
def test_language_tags(tag: str, base: str) -> None:
    text = "ASEAN, 中国, Nhật Bản, Pilipinas, Japan"
    assert GAZETTEER.find(text, tag) == GAZETTEER.find(text, base), f"{tag!r} is not read as {base}"


def test_first_mention_decides_the_order_and_each_comes_once() -> None:
    assert GAZETTEER.find("Japan, Viet Nam, Japanese, Vietnam, Japan", "en") == ("JP", "VN")


def test_every_displayed_name_is_found_again() -> None:
    """A text that is a party's displayed English name names this party and no other."""
    lost = [p for p in GAZETTEER.parties if GAZETTEER.find(GAZETTEER.name(p, "en"), "en") != (p,)]
    assert not lost, f"the displayed English name of {lost} is not found"


def test_display_names() -> None:
    assert GAZETTEER.name("VN", "vi") == "Việt Nam"
    assert GAZETTEER.name("WHO", "fr") == "OMS"
    assert GAZETTEER.name("MM", "en") == "Myanmar", "the remark in brackets stays out"
    assert GAZETTEER.name("IORA", "lo") == "IORA", "English stands in for a language without a name"
    assert GAZETTEER.name("JP", "sv") == "Japan", "English stands in for an unknown language"
    assert GAZETTEER.name("no such party", "vi") == "no such party"


def test_kinds_and_version() -> None:
    assert GAZETTEER.kind("VN") == "country"
    assert GAZETTEER.kind("ASEAN") == "organisation"
    with pytest.raises(KeyError):
        GAZETTEER.kind("Atlantis")
    assert data.VERSION in GAZETTEER.version
    assert "babel" in GAZETTEER.version


def test_tables_name_known_parties_only() -> None:
    for lang in LANGUAGES:
        for line in data.NAMES[lang].strip().splitlines():
            party, separator, names = line.partition(": ")
            assert separator and party in GAZETTEER.parties, f"{lang}: {line!r} has no known id"
            assert all(name == name.strip() != "" for name in names.split("|")), f"{lang}: {line!r} has an empty or padded name"


def test_without_babel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    with pytest.raises(UsageError, match=r"cooptag\[batch\]") as raised:
        Gazetteer()
    assert "\n" not in str(raised.value)


FRAGMENTS = ["Việt", "-", " ", "Mỹ", "Anh", "United ", "US", "中", "越", "한", "미", "은", "ال", "و", "இந்தியா", "்", "\ud800", "😀", "\u0301"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=5))).map("".join), st.sampled_from(LANGUAGES))
def test_any_text_gives_known_parties(text: str, lang: str) -> None:
    assert set(GAZETTEER.find(text, lang)) <= set(GAZETTEER.parties)


HOSTILE = ["United ", "Việt-", "Cộng hòa ", "Tổng thống Mỹ ", "中", "한미일은", "وال", "இந்திய", "Democratic Republic of the "]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    """Ten times the text may take about ten times as long, not a hundred times."""

    def seconds(repeats: int, lang: str) -> float:
        start = time.process_time()
        GAZETTEER.find(unit * repeats, lang)
        return time.process_time() - start

    for lang in ("en", "vi", "zh", "ko", "ar", "ta"):
        GAZETTEER.find("", lang)
        short = min(seconds(2_000, lang) for _ in range(3))
        assert seconds(20_000, lang) < 40 * short + 0.05, f"{lang}: {unit!r} takes more than linear time"


def test_threads_share_one() -> None:
    fresh = Gazetteer()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: fresh.find(row[1], row[0]), SENTENCES * 3))
    assert found == [ids(expected) for _, _, expected in SENTENCES] * 3
