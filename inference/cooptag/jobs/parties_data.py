"""Tables of `cooptag.jobs.parties`: names of countries and organisations that CLDR lacks or words otherwise. Data only.

All lists are our own. A change here changes what is found: bump `VERSION` with it.
"""

from typing import Final

VERSION: Final = "2"

# ISO 3166 codes that are parties and take their names from CLDR: the members of the United Nations, the Holy See, and
# those that join meetings under a name of their own. Every other territory and region of CLDR is no party.
COUNTRIES: Final = (
    "AF AL DZ AD AO AG AR AM AU AT AZ BS BH BD BB BY BE BZ BJ BT BO BA BW BR BN BG BF BI CV KH CM CA CF TD CL CN CO KM "
    "CR CI HR CU CY CZ DK DJ DM DO EC EG SV GQ ER EE SZ ET FJ FI FR GA GM GE DE GH GR GD GT GN GW GY HT HN HU IS IN ID "
    "IR IQ IE IL IT JM JP JO KZ KE KI KP KR KW KG LA LV LB LS LR LY LI LT LU MG MW MY MV ML MT MH MR MU MX FM MD MC MN "
    "ME MA MZ MM NA NR NP NL NZ NI NE NG MK NO OM PK PW PA PG PY PE PH PL PT QA RO RU RW KN LC VC WS SM ST SA SN RS SC "
    "SL SG SK SI SB SO ZA SS ES LK SD SR SE CH SY TJ TZ TH TL TG TO TT TN TR TM TV UG UA AE GB US UY UZ VU VE VN YE ZM "
    "ZW VA TW CK NU XK"
)
# These take theirs from the table below alone: CLDR writes "Congo - Kinshasa", "Hong Kong SAR China".
OWN_COUNTRIES: Final = frozenset({"CD", "CG", "HK", "MO", "PS"})
ORGANISATIONS: Final = (
    "ASEAN", "EU", "UN", "UNDP", "UNICEF", "UNESCO", "UNHCR", "UNRWA", "UNEP", "UNCTAD", "UNODC", "UNFPA", "UN Women", "UNIDO",
    "ESCAP", "WHO", "FAO", "WFP", "IFAD", "ILO", "IOM", "IMO", "ICAO", "ITU", "WIPO", "WMO", "IAEA", "ICJ", "ICC", "WTO",
    "World Bank", "IMF", "ADB", "AIIB", "AfDB", "NDB", "OECD", "IEA", "IRENA", "OPEC", "G7", "G20", "G77", "BRICS",
    "APEC", "NATO", "Quad", "AUKUS", "RCEP", "CPTPP", "MRC", "African Union", "Arab League", "GCC", "OIC", "ECOWAS",
    "SADC", "IGAD", "EAC", "CARICOM", "CELAC", "OAS", "Mercosur", "Pacific Alliance", "PIF", "IORA", "SCO", "CIS",
    "EAEU", "CSTO", "SAARC", "BIMSTEC", "OSCE", "Council of Europe", "Interpol", "Europol", "Francophonie",
    "Commonwealth", "NAM", "ICRC", "IPU", "AIPA", "OPCW",
)  # fmt: skip
# CLDR's locales to read beside a language's own: traditional characters, the Portuguese of Portugal.
MORE_LOCALES: Final = {"zh": ("zh_Hant", "zh_Hant_HK"), "pt": ("pt_PT",)}

# "id: name|name": the first name is the one displayed where CLDR has none. A name under two ids names both.
# English ones are searched in every language, so abbreviations stand there. Names of one country inside another's
# ("Republic of France") need no row. English demonyms are here where they are common and have one meaning.
NAMES: Final[dict[str, str]] = {
    "en": """
AE: UAE|U.A.E.|Emirati
AF: Afghan|Afghans
AG: Antigua and Barbuda
AL: Albanian
AM: Armenian
AO: Angolan
AR: Argentine|Argentinian
AT: Austrian
AU: Australian|Australians|Commonwealth of Australia
AZ: Azerbaijani
BA: Bosnia and Herzegovina|Bosnia-Herzegovina|Bosnia|Bosnian
BD: Bangladeshi
BE: Belgian
BF: Burkinabe
BG: Bulgarian
BH: Bahraini
BI: Burundian
BJ: Beninese
BN: Brunei Darussalam|Bruneian
BO: Bolivian
BR: Brazilian
BS: The Bahamas|Bahamian|Commonwealth of The Bahamas
BT: Bhutanese
BY: Belarusian|Belarussian
CA: Canadian|Canadians
CD: Democratic Republic of the Congo|Democratic Republic of Congo|DR Congo|DRC|D.R. Congo
CG: Republic of the Congo|Republic of Congo|Congo|Congo-Brazzaville
CH: Swiss|Swiss Confederation
CI: Cote d'Ivoire|Ivory Coast|Ivorian
CL: Chilean
CM: Cameroonian
CN: People's Republic of China|PRC|P.R. China|Chinese
CO: Colombian
CU: Cuban|Cubans
CV: Cabo Verde|Cabo Verdean
CY: Cypriot
CZ: Czech Republic|Czech
DE: Federal Republic of Germany|German|Germans
DK: Danish
DM: Commonwealth of Dominica
DZ: Algerian
TG: Togolese
BZ: Belizean
KM: Comorian|Union of the Comoros
AD: Andorran
GA: Gabonese
GN: Guinean
MR: Mauritanian
TD: Chadian
GD: Grenadian
CR: Costa Rican
EC: Ecuadorian
EE: Estonian
EG: Egyptian
ER: Eritrean
ES: Spanish
ET: Ethiopian
FI: Finnish
FJ: Fijian
FM: Federated States of Micronesia|FSM
FR: French Republic|French
GB: UK|U.K.|Great Britain|Britain|British|England|Scotland|United Kingdom of Great Britain and Northern Ireland
GE: Georgian
GH: Ghanaian
GM: The Gambia|Gambian
GR: Greek|Hellenic Republic
GT: Guatemalan
GW: Guinea Bissau
GY: Guyanese
HK: Hong Kong|Hong Kong, China|HKSAR
HN: Honduran
HR: Croatian
HT: Haitian|Haitians
HU: Hungarian
ID: Indonesian|Indonesians
IE: Irish
IL: Israeli|Israelis
IN: Indian|Indians
IQ: Iraqi|Iraqis
IR: Islamic Republic of Iran|Iranian|Iranians
IS: Icelandic
IT: Italian
JM: Jamaican
JO: Jordanian|Hashemite Kingdom of Jordan
JP: Japanese
KE: Kenyan
KG: Kyrgyz Republic|Kyrgyz
KH: Cambodian|Cambodians|Kampuchea
KN: Saint Kitts and Nevis|St. Kitts and Nevis|St Kitts and Nevis
KP: DPRK|D.P.R.K.|Democratic People's Republic of Korea|DPR Korea|North Korean
KR: Republic of Korea|ROK|R.O.K.|Korea|South Korean|South Koreans|Korean|Koreans
KW: Kuwaiti
KZ: Kazakh|Kazakhstani
LA: Lao PDR|Lao People's Democratic Republic|Lao|Laotian
LB: Lebanese
LC: Saint Lucia|St Lucia
LK: Sri Lankan
LR: Liberian
LT: Lithuanian
LV: Latvian
LY: Libyan|Libyans
MA: Moroccan
MD: Republic of Moldova|Moldovan
MG: Malagasy
MH: Marshallese
MK: Macedonia|The former Yugoslav Republic of Macedonia|Macedonian
ML: Malian
MM: Burma|Burmese
MN: Mongolian
MO: Macao|Macau|Macao, China
MV: The Maldives|Maldivian
MX: Mexican
MY: Malaysian|Malaysians
MZ: Mozambican
NA: Namibian
NG: Nigerian
NI: Nicaraguan
NL: The Netherlands|Kingdom of the Netherlands|Holland|Dutch
NO: Norwegian
NP: Nepali|Nepalese
NZ: Aotearoa New Zealand|Aotearoa
OM: Omani
PA: Panamanian
PE: Peruvian
PG: PNG
PH: The Philippines|Philippine|Filipino|Filipinos
PK: Pakistani
PL: Polish
PS: Palestine|State of Palestine|Palestinian|Palestinians|Palestinian Territories|occupied Palestinian territory|Palestinian Authority
PT: Portuguese
PY: Paraguayan
QA: Qatari
RO: Romanian
RS: Serbian
RU: Russian Federation|Russian|Russians
RW: Rwandan
SA: Kingdom of Saudi Arabia|KSA|Saudi
SD: Sudanese|Sudan
SE: Swedish
SG: Singaporean|Singaporeans
SK: Slovak Republic|Slovak
SI: Slovenian
SN: Senegalese
SO: Somali|Somalis
SS: South Sudanese
ST: Sao Tome and Principe
SV: Salvadoran
SY: Syrian Arab Republic|Syrian|Syrians
SZ: Swaziland
TH: Thai|Thais
TJ: Tajik
TL: Timor Leste|East Timor|Timorese
TM: Turkmen
TN: Tunisian
TO: Tongan
TR: Turkey|Turkiye|Turkish
TT: Trinidad and Tobago
TW: Chinese Taipei|Taiwanese
TZ: United Republic of Tanzania|Tanzanian
UA: Ukrainian|Ukrainians
UG: Ugandan
US: USA|U.S.A.|US|U.S.|United States of America|America|American|Americans
UY: Uruguayan
UZ: Uzbek
VA: Holy See|Vatican
VC: Saint Vincent and the Grenadines|St. Vincent and the Grenadines|St Vincent and the Grenadines
VE: Venezuelan|Venezuelans
VN: Viet Nam|Vietnamese|SRV
YE: Yemeni|Yemenis
ZA: South African|RSA
ZM: Zambian
ZW: Zimbabwean
CN: Sino-Vietnamese|Sino-Indian|Sino-Russian|Sino-Japanese|Sino-American
VN: Sino-Vietnamese
IN: Sino-Indian
RU: Sino-Russian
JP: Sino-Japanese
US: Sino-American
ASEAN: ASEAN|Association of Southeast Asian Nations|Association of South-East Asian Nations|Association of South East Asian Nations|ASEAN+3
EU: EU|E.U.|European Commission|European Council|European Parliament
UN: UN|U.N.|UNSC|UNGA
UNDP: UNDP|United Nations Development Programme|United Nations Development Program|UN Development Programme
UNICEF: UNICEF|United Nations Children's Fund|UN Children's Fund
UNESCO: UNESCO|United Nations Educational, Scientific and Cultural Organization
UNHCR: UNHCR|UN Refugee Agency|United Nations High Commissioner for Refugees|UN High Commissioner for Refugees
UNRWA: UNRWA|United Nations Relief and Works Agency
UNEP: UNEP|United Nations Environment Programme|UN Environment Programme
UNCTAD: UNCTAD|United Nations Conference on Trade and Development|UN Trade and Development
UNODC: UNODC|United Nations Office on Drugs and Crime|UN Office on Drugs and Crime
UNFPA: UNFPA|United Nations Population Fund|UN Population Fund
UN Women: UN Women|UN-Women
UNIDO: UNIDO|United Nations Industrial Development Organization
ESCAP: ESCAP|UNESCAP|UN ESCAP|Economic and Social Commission for Asia and the Pacific
WHO: WHO|World Health Organization|World Health Organisation
FAO: FAO|Food and Agriculture Organization|Food and Agriculture Organization of the United Nations
WFP: WFP|World Food Programme|World Food Program
IFAD: IFAD|International Fund for Agricultural Development
ILO: ILO|International Labour Organization|International Labor Organization|International Labour Organisation
IOM: IOM|International Organization for Migration
IMO: IMO|International Maritime Organization
ICAO: ICAO|International Civil Aviation Organization
ITU: ITU|International Telecommunication Union
WIPO: WIPO|World Intellectual Property Organization
WMO: WMO|World Meteorological Organization
IAEA: IAEA|International Atomic Energy Agency
ICJ: ICJ|International Court of Justice
ICC: ICC|International Criminal Court
WTO: WTO|World Trade Organization|World Trade Organisation
World Bank: World Bank|World Bank Group
IMF: IMF|International Monetary Fund
ADB: ADB|Asian Development Bank
AIIB: AIIB|Asian Infrastructure Investment Bank
AfDB: AfDB|African Development Bank
NDB: NDB|New Development Bank
OECD: OECD|Organisation for Economic Co-operation and Development|Organization for Economic Cooperation and Development
IEA: IEA|International Energy Agency
IRENA: IRENA|International Renewable Energy Agency
OPEC: OPEC|OPEC+
G7: G7|G-7|Group of Seven
G20: G20|G-20|Group of Twenty|Group of 20
G77: G77|G-77|Group of 77
BRICS: BRICS|BRICS+
APEC: APEC|Asia-Pacific Economic Cooperation
NATO: NATO|North Atlantic Treaty Organization|North Atlantic Treaty Organisation
Quad: Quad
AUKUS: AUKUS
RCEP: RCEP|Regional Comprehensive Economic Partnership
CPTPP: CPTPP|Comprehensive and Progressive Agreement for Trans-Pacific Partnership
MRC: MRC|Mekong River Commission
African Union: African Union|AU
Arab League: Arab League|League of Arab States
GCC: GCC|Gulf Cooperation Council
OIC: OIC|Organization of Islamic Cooperation|Organisation of Islamic Cooperation
ECOWAS: ECOWAS|Economic Community of West African States
SADC: SADC|Southern African Development Community
IGAD: IGAD|Intergovernmental Authority on Development
EAC: EAC|East African Community
CARICOM: CARICOM|Caribbean Community
CELAC: CELAC|Community of Latin American and Caribbean States
OAS: OAS|Organization of American States|Organisation of American States
Mercosur: Mercosur|MERCOSUR
Pacific Alliance: Pacific Alliance
PIF: PIF|Pacific Islands Forum
IORA: IORA|Indian Ocean Rim Association
SCO: SCO|Shanghai Cooperation Organization|Shanghai Cooperation Organisation
CIS: CIS|Commonwealth of Independent States
EAEU: EAEU|Eurasian Economic Union
CSTO: CSTO|Collective Security Treaty Organization
SAARC: SAARC|South Asian Association for Regional Cooperation
BIMSTEC: BIMSTEC
OSCE: OSCE|Organization for Security and Co-operation in Europe|Organization for Security and Cooperation in Europe
Council of Europe: Council of Europe
Interpol: Interpol|INTERPOL
Europol: Europol
Francophonie: International Organisation of La Francophonie|International Organization of la Francophonie|Francophonie
Commonwealth: Commonwealth|Commonwealth of Nations
NAM: Non-Aligned Movement|NAM|Movement of Non-Aligned Countries
ICRC: ICRC|International Committee of the Red Cross
IPU: IPU|Inter-Parliamentary Union
AIPA: AIPA|ASEAN Inter-Parliamentary Assembly
OPCW: OPCW|Organisation for the Prohibition of Chemical Weapons
""",
    "vi": """
AE: Tiểu vương quốc Ả Rập Thống nhất|Tiểu vương quốc Arab Thống nhất|Tiểu vương quốc Ả-rập Thống nhất|Tiểu Vương quốc Arab thống nhất
AU: Úc|Ô-xtrây-li-a|Ốt-xtrây-li-a
AR: Ác-hen-ti-na
BH: Ba-ranh
BN: Bru-nây|Brunei Darussalam
BR: Bra-xin|Brasil
BY: Bê-la-rút
CA: Ca-na-đa
CD: Cộng hòa Dân chủ Congo|CHDC Congo|Cộng hòa Dân chủ Công-gô
CG: Cộng hòa Congo|Congo
CI: Bờ Biển Ngà
CL: Chi-lê
CN: CHND Trung Hoa|Cộng hòa Nhân dân Trung Hoa|Trung Hoa
CU: Cu-ba
CV: Cabo Verde
CZ: Cộng hòa Séc|Tiệp Khắc
EG: Ai-cập
GB: Anh|Anh Quốc|Anh quốc|Vương quốc Anh và Bắc Ireland|Liên hiệp Vương quốc Anh và Bắc Ireland|Liên hiệp Anh
HK: Hồng Kông|Hồng Công|Hong Kong (Trung Quốc)
HU: Hung-ga-ri
ID: In-đô-nê-xi-a
IE: Ai-len
IL: I-xra-en
IQ: I-rắc
IR: I-ran
IT: Ý|I-ta-li-a
KG: Kyrgyz
KH: Cam-pu-chia|Căm-pu-chia
KP: CHDCND Triều Tiên|Bắc Triều Tiên
KR: Đại Hàn Dân Quốc
KZ: Ca-dắc-xtan
LA: CHDCND Lào
LB: Lebanon
MA: Maroc|Morocco
MM: Mi-an-ma|Miến Điện
MO: Ma Cao|Macao
MX: Mê-hi-cô
MY: Ma-lai-xi-a
NZ: Niu Di-lân|Niu Di lân
PH: Phi-líp-pin|Philippin
PK: Pa-ki-xtan
PS: Palestine|Nhà nước Palestine|Lãnh thổ Palestine|Pa-le-xtin
RO: Ru-ma-ni
RU: Liên bang Nga
SA: Ả Rập Saudi|Ả-rập Xê-út|Saudi Arabia|Ả Rập Xê Út|Arab Saudi|Ả-rập Saudi
SG: Xinh-ga-po|Singapo
SY: Xy-ri
TH: Thái-lan
TL: Đông Timor|Timor Leste
TR: Thổ-nhĩ-kỳ
UA: Ucraina|U-crai-na|Ukraine
US: Mỹ|Hợp chúng quốc Hoa Kỳ|Hợp chủng quốc Hoa Kỳ
VA: Vatican|Tòa thánh|Tòa Thánh
VN: Việt nam|CHXHCN Việt Nam
YE: Y-ê-men
ZA: Cộng hòa Nam Phi
JP: Nhật
CY: Cyprus
AT: Cộng hòa Áo
ASEAN: Hiệp hội các quốc gia Đông Nam Á|Hiệp hội các Quốc gia Đông Nam Á|Hiệp hội các nước Đông Nam Á
EU: Liên minh châu Âu|Ủy ban châu Âu|Nghị viện châu Âu
UN: Liên hợp quốc|Liên Hợp Quốc|Liên hiệp quốc|Liên Hiệp Quốc|LHQ
UNDP: Chương trình Phát triển Liên hợp quốc|Chương trình phát triển Liên hợp quốc|Chương trình Phát triển Liên Hợp Quốc
UNICEF: Quỹ Nhi đồng Liên hợp quốc|Quỹ Nhi đồng Liên Hợp Quốc
UNESCO: Tổ chức Giáo dục, Khoa học và Văn hóa Liên hợp quốc|Tổ chức Giáo dục, Khoa học và Văn hóa của Liên hợp quốc
UNHCR: Cao ủy Liên hợp quốc về người tị nạn|Cao ủy Liên hợp quốc về Người tị nạn
UNEP: Chương trình Môi trường Liên hợp quốc
UNFPA: Quỹ Dân số Liên hợp quốc
UNODC: Cơ quan phòng chống ma túy và tội phạm Liên hợp quốc
UN Women: Cơ quan Phụ nữ Liên hợp quốc
WHO: Tổ chức Y tế Thế giới|Tổ chức Y tế thế giới
FAO: Tổ chức Lương thực và Nông nghiệp|Tổ chức Nông Lương|Tổ chức Lương thực và Nông nghiệp Liên hợp quốc
WFP: Chương trình Lương thực Thế giới
IFAD: Quỹ Phát triển Nông nghiệp Quốc tế
ILO: Tổ chức Lao động Quốc tế|Tổ chức Lao động quốc tế
IOM: Tổ chức Di cư Quốc tế|Tổ chức Di cư quốc tế
IMO: Tổ chức Hàng hải Quốc tế
ICAO: Tổ chức Hàng không Dân dụng Quốc tế
ITU: Liên minh Viễn thông Quốc tế
WIPO: Tổ chức Sở hữu trí tuệ Thế giới|Tổ chức Sở hữu Trí tuệ Thế giới
IAEA: Cơ quan Năng lượng Nguyên tử Quốc tế|Cơ quan Năng lượng nguyên tử quốc tế
ICJ: Tòa án Công lý Quốc tế
ICC: Tòa án Hình sự Quốc tế
WTO: Tổ chức Thương mại Thế giới|Tổ chức Thương mại thế giới
World Bank: Ngân hàng Thế giới|Ngân hàng thế giới|WB
IMF: Quỹ Tiền tệ Quốc tế|Quỹ Tiền tệ quốc tế
ADB: Ngân hàng Phát triển châu Á|Ngân hàng Phát triển Châu Á
AIIB: Ngân hàng Đầu tư Cơ sở hạ tầng châu Á
OECD: Tổ chức Hợp tác và Phát triển Kinh tế|Tổ chức Hợp tác và Phát triển kinh tế
G7: Nhóm G7|Nhóm các nước công nghiệp phát triển hàng đầu thế giới
G77: Nhóm 77
APEC: Diễn đàn Hợp tác kinh tế châu Á-Thái Bình Dương|Diễn đàn Hợp tác Kinh tế châu Á-Thái Bình Dương
NATO: Tổ chức Hiệp ước Bắc Đại Tây Dương
Quad: Bộ tứ
RCEP: Hiệp định Đối tác Kinh tế Toàn diện Khu vực|Hiệp định Đối tác kinh tế toàn diện khu vực
CPTPP: Hiệp định Đối tác Toàn diện và Tiến bộ xuyên Thái Bình Dương
MRC: Ủy hội sông Mekong quốc tế|Ủy hội sông Mê Công quốc tế|Ủy hội sông Mê Công|Ủy hội sông Mekong
African Union: Liên minh châu Phi|Liên minh Châu Phi
Arab League: Liên đoàn Arab|Liên đoàn Ả Rập|Liên đoàn các quốc gia Arab
GCC: Hội đồng Hợp tác Vùng Vịnh
OIC: Tổ chức Hợp tác Hồi giáo
SCO: Tổ chức Hợp tác Thượng Hải
CIS: Cộng đồng các Quốc gia Độc lập
EAEU: Liên minh Kinh tế Á-Âu|Liên minh kinh tế Á-Âu
PIF: Diễn đàn các đảo Thái Bình Dương|Diễn đàn Các đảo Thái Bình Dương
IORA: Hiệp hội Vành đai Ấn Độ Dương
Pacific Alliance: Liên minh Thái Bình Dương
Mercosur: Thị trường chung Nam Mỹ
Council of Europe: Hội đồng châu Âu
Francophonie: Tổ chức quốc tế Pháp ngữ|Tổ chức Quốc tế Pháp ngữ|Cộng đồng Pháp ngữ
Commonwealth: Khối Thịnh vượng chung
NAM: Phong trào Không liên kết|Phong trào không liên kết
ICRC: Ủy ban Chữ thập đỏ quốc tế|Ủy ban Chữ thập đỏ Quốc tế
IPU: Liên minh Nghị viện Thế giới|Liên minh Nghị viện thế giới
AIPA: Hội đồng Liên nghị viện ASEAN|Đại hội đồng Liên nghị viện ASEAN|Hội đồng Liên Nghị viện ASEAN
""",
    "id": """
AE: UEA
CD: Republik Demokratik Kongo|RD Kongo
CG: Republik Kongo|Kongo
CI: Pantai Gading
CN: Republik Rakyat Tiongkok|RRT|Republik Rakyat China|Cina
CV: Cabo Verde
CZ: Republik Ceko
GB: Inggris|Britania Raya
HK: Hong Kong|Hongkong
IT: Itali
JP: Jepun
KR: Republik Korea|Korsel
KP: Korut|Republik Demokratik Rakyat Korea
MO: Makau
MY: Malaysia
PS: Palestina|Wilayah Palestina
SG: Singapore
TW: Taiwan
US: AS|Amerika
ID: NKRI|Republik Indonesia
VA: Takhta Suci
ASEAN: Perhimpunan Bangsa-Bangsa Asia Tenggara
EU: UE|Komisi Eropa
UN: PBB
UNDP: Program Pembangunan PBB
UNICEF: Dana Anak-Anak PBB
WHO: Organisasi Kesehatan Dunia
FAO: Organisasi Pangan dan Pertanian
WFP: Program Pangan Dunia
ILO: Organisasi Buruh Internasional|Organisasi Perburuhan Internasional
IOM: Organisasi Internasional untuk Migrasi
IAEA: Badan Energi Atom Internasional
ICJ: Mahkamah Internasional
WTO: Organisasi Perdagangan Dunia
World Bank: Bank Dunia
IMF: Dana Moneter Internasional
ADB: Bank Pembangunan Asia
OECD: Organisasi Kerja Sama dan Pembangunan Ekonomi
APEC: Kerja Sama Ekonomi Asia-Pasifik
NATO: Pakta Pertahanan Atlantik Utara
MRC: Komisi Sungai Mekong
African Union: Uni Afrika
Arab League: Liga Arab
OIC: OKI|Organisasi Kerja Sama Islam|Organisasi Kerjasama Islam
SCO: Organisasi Kerja Sama Shanghai
PIF: Forum Kepulauan Pasifik
Commonwealth: Persemakmuran
NAM: Gerakan Non-Blok|GNB
ICRC: Komite Internasional Palang Merah
""",
    "ms": """
AE: Emiriah Arab Bersatu
CD: Republik Demokratik Congo
CG: Republik Congo|Congo
CN: Republik Rakyat China
CZ: Republik Czech
FR: Perancis
GB: United Kingdom|Britain
HK: Hong Kong
KR: Republik Korea
MO: Macau
PS: Palestin
US: AS|Amerika
TH: Thai
EG: Mesir
EU: Suruhanjaya Eropah|Kesatuan Eropah
ASEAN: Persatuan Negara-Negara Asia Tenggara|Pertubuhan Negara-Negara Asia Tenggara
UN: PBB|Pertubuhan Bangsa-Bangsa Bersatu
UNICEF: Tabung Kanak-Kanak Pertubuhan Bangsa-Bangsa Bersatu
WHO: Pertubuhan Kesihatan Sedunia
FAO: Pertubuhan Makanan dan Pertanian
ILO: Pertubuhan Buruh Antarabangsa
IAEA: Agensi Tenaga Atom Antarabangsa
WTO: Pertubuhan Perdagangan Sedunia
World Bank: Bank Dunia
IMF: Tabung Kewangan Antarabangsa
ADB: Bank Pembangunan Asia
APEC: Kerjasama Ekonomi Asia-Pasifik
NATO: Pertubuhan Perjanjian Atlantik Utara
MRC: Suruhanjaya Sungai Mekong
African Union: Kesatuan Afrika
Arab League: Liga Arab
OIC: Pertubuhan Kerjasama Islam
Commonwealth: Komanwel
NAM: Pergerakan Negara-Negara Berkecuali|Pergerakan Negara Berkecuali
""",
    "fil": """
CD: Demokratikong Republika ng Congo
CG: Republika ng Congo|Congo
CN: Tsina
DE: Alemanya
EG: Ehipto
ES: Espanya
FR: Pransiya
GB: Gran Britanya|Nagkakaisang Kaharian
GR: Gresya
HK: Hong Kong
ID: Indonesya
IT: Italya
JP: Hapon
KR: Republika ng Korea
MO: Macau
MY: Malaysia
PH: Pilipinas|Republika ng Pilipinas|Pilipino
PS: Palestina
RU: Rusya
TH: Taylandiya
US: Amerika|Estados Unidos ng Amerika
EU: Unyong Europeo
ASEAN: Samahan ng mga Bansa sa Timog-Silangang Asya
UN: Nagkakaisang Bansa|Mga Nagkakaisang Bansa
WHO: Pandaigdigang Organisasyon ng Kalusugan
World Bank: Bangko Pandaigdig
""",
    "th": """
AE: ยูเออี
CD: สาธารณรัฐประชาธิปไตยคองโก
CG: สาธารณรัฐคองโก|คองโก
CN: สาธารณรัฐประชาชนจีน
CZ: สาธารณรัฐเช็ก|สาธารณรัฐเช็ค
GB: อังกฤษ|สหราชอาณาจักร
HK: ฮ่องกง
IN: อินเดีย
KR: สาธารณรัฐเกาหลี
KP: สาธารณรัฐประชาธิปไตยประชาชนเกาหลี
LA: สปป.ลาว|สปป. ลาว
ML: สาธารณรัฐมาลี|ประเทศมาลี
MM: เมียนมาร์
MO: มาเก๊า
PS: ปาเลสไตน์
TD: สาธารณรัฐชาด|ประเทศชาด
TR: ทูร์เคีย
US: สหรัฐฯ|สหรัฐ|อเมริกา
EU: อียู
ASEAN: อาเซียน|สมาคมประชาชาติแห่งเอเชียตะวันออกเฉียงใต้
UN: องค์การสหประชาชาติ|ยูเอ็น
UNICEF: ยูนิเซฟ|กองทุนเพื่อเด็กแห่งสหประชาชาติ
UNESCO: ยูเนสโก
UNDP: โครงการพัฒนาแห่งสหประชาชาติ
WHO: องค์การอนามัยโลก
FAO: องค์การอาหารและเกษตรแห่งสหประชาชาติ
ILO: องค์การแรงงานระหว่างประเทศ
IOM: องค์การระหว่างประเทศเพื่อการโยกย้ายถิ่นฐาน
IAEA: ทบวงการพลังงานปรมาณูระหว่างประเทศ
WTO: องค์การการค้าโลก
World Bank: ธนาคารโลก
IMF: กองทุนการเงินระหว่างประเทศ|ไอเอ็มเอฟ
ADB: ธนาคารพัฒนาเอเชีย
OECD: องค์การเพื่อความร่วมมือทางเศรษฐกิจและการพัฒนา
APEC: เอเปค
NATO: นาโต|นาโต้
BRICS: บริกส์
MRC: คณะกรรมาธิการแม่น้ำโขง
African Union: สหภาพแอฟริกา
Arab League: สันนิบาตอาหรับ
SCO: องค์การความร่วมมือเซี่ยงไฮ้
BIMSTEC: บิมสเทค
Interpol: ตำรวจสากล|อินเตอร์โพล
Commonwealth: เครือจักรภพ
NAM: ขบวนการไม่ฝักใฝ่ฝ่ายใด
""",
    "zh": """
CD: 刚果民主共和国|刚果（金）|刚果(金)|剛果民主共和國
CG: 刚果共和国|刚果（布）|刚果(布)|刚果
CN: 中方|中华人民共和国|中華人民共和國
VN: 越方
US: 美方
JP: 日方
KR: 韩方|大韩民国
RU: 俄方|俄联邦|俄国
GB: 英方
DE: 德方
FR: 法方
KP: 朝方|北韩|朝鲜民主主义人民共和国
AE: 阿联酋
SA: 沙特
BA: 波黑
HK: 香港|中国香港
MO: 澳门|中国澳门|澳門
TW: 台湾|臺灣|中国台湾|中国台湾地区|中华台北
PS: 巴勒斯坦|巴勒斯坦国
VA: 梵蒂冈|教廷
CZ: 捷克共和国
EU: 欧盟|欧洲联盟|歐盟|欧盟委员会
ASEAN: 东盟|东南亚国家联盟|東盟|東協|亚细安
UN: 联合国|聯合國
UNDP: 联合国开发计划署
UNICEF: 联合国儿童基金会
UNESCO: 联合国教科文组织
UNHCR: 联合国难民署|联合国难民事务高级专员公署
UNEP: 联合国环境规划署|联合国环境署
UNCTAD: 联合国贸易和发展会议|联合国贸发会议
UNODC: 联合国毒品和犯罪问题办公室
UNFPA: 联合国人口基金
UN Women: 联合国妇女署
UNIDO: 联合国工业发展组织
ESCAP: 联合国亚太经社会|亚太经社会
WHO: 世界卫生组织|世卫组织
FAO: 联合国粮食及农业组织|联合国粮农组织|粮农组织
WFP: 世界粮食计划署
ILO: 国际劳工组织
IOM: 国际移民组织
IMO: 国际海事组织
ICAO: 国际民航组织
ITU: 国际电信联盟|国际电联
WIPO: 世界知识产权组织
IAEA: 国际原子能机构
ICJ: 国际法院
ICC: 国际刑事法院
WTO: 世界贸易组织|世贸组织
World Bank: 世界银行|世行
IMF: 国际货币基金组织
ADB: 亚洲开发银行|亚开行
AIIB: 亚洲基础设施投资银行|亚投行
NDB: 新开发银行
OECD: 经济合作与发展组织|经合组织
IEA: 国际能源署
OPEC: 欧佩克|石油输出国组织
G7: 七国集团
G20: 二十国集团
G77: 七十七国集团|77国集团
BRICS: 金砖国家|金砖
APEC: 亚太经合组织|亚太经济合作组织
NATO: 北约|北大西洋公约组织
Quad: 四方安全对话
AUKUS: 奥库斯
RCEP: 区域全面经济伙伴关系协定
CPTPP: 全面与进步跨太平洋伙伴关系协定
MRC: 湄公河委员会
African Union: 非洲联盟|非盟
Arab League: 阿拉伯国家联盟|阿盟
GCC: 海湾阿拉伯国家合作委员会|海合会
OIC: 伊斯兰合作组织
SCO: 上海合作组织|上合组织
CIS: 独联体
EAEU: 欧亚经济联盟
CELAC: 拉美和加勒比国家共同体|拉共体
PIF: 太平洋岛国论坛
IORA: 环印度洋联盟
OSCE: 欧洲安全与合作组织|欧安组织
Interpol: 国际刑警组织
Francophonie: 法语国家组织|法语国家国际组织
Commonwealth: 英联邦
NAM: 不结盟运动
ICRC: 红十字国际委员会
""",
    "ja": """
AE: UAE
AU: 豪州
CD: コンゴ民主共和国
CG: コンゴ共和国|コンゴ
CN: 中華人民共和国|中国側
GB: 英国
HK: 香港
KR: 大韓民国
MM: ミャンマー
MO: マカオ
MY: マレーシア
PH: フィリピン
PS: パレスチナ
RU: ロシア連邦
US: 米国|アメリカ
VN: ベトナム|ヴェトナム|越南
CZ: チェコ共和国
TL: 東ティモール
SA: サウジ
EU: 欧州連合|欧州委員会
ASEAN: 東南アジア諸国連合|アセアン
UN: 国連|国際連合
UNDP: 国連開発計画
UNICEF: ユニセフ|国連児童基金
UNESCO: ユネスコ
UNHCR: 国連難民高等弁務官事務所
UNEP: 国連環境計画
UNFPA: 国連人口基金
WHO: 世界保健機関
FAO: 国連食糧農業機関
WFP: 国連世界食糧計画|世界食糧計画
ILO: 国際労働機関
IOM: 国際移住機関
IAEA: 国際原子力機関
ICJ: 国際司法裁判所
ICC: 国際刑事裁判所
WTO: 世界貿易機関
World Bank: 世界銀行|世銀
IMF: 国際通貨基金
ADB: アジア開発銀行
AIIB: アジアインフラ投資銀行
OECD: 経済協力開発機構
APEC: アジア太平洋経済協力
NATO: 北大西洋条約機構
Quad: クアッド|日米豪印
RCEP: 地域的な包括的経済連携協定
CPTPP: 環太平洋パートナーシップに関する包括的及び先進的な協定
MRC: メコン河委員会
African Union: アフリカ連合
Arab League: アラブ連盟
SCO: 上海協力機構
PIF: 太平洋諸島フォーラム
IORA: 環インド洋連合
OSCE: 欧州安全保障協力機構
Interpol: 国際刑事警察機構
Commonwealth: 英連邦
NAM: 非同盟運動
ICRC: 赤十字国際委員会
""",
    "ko": """
AE: 아랍에미리트|아랍에미리트연합
AU: 호주
CD: 콩고민주공화국
CG: 콩고공화국|콩고
CN: 중화인민공화국
GB: 영국
GR: 그리스
HK: 홍콩
KR: 한국
KP: 조선민주주의인민공화국
MO: 마카오
NL: 네덜란드
PS: 팔레스타인
RU: 러시아연방
SA: 사우디|사우디아라비아
SD: 수단 공화국|수단공화국
TR: 터키
VN: 월남
CZ: 체코공화국
UA: 우크라이나
EU: 유럽연합|유럽 연합|유럽연합 집행위원회
ASEAN: 아세안|동남아시아국가연합
UN: 유엔|국제연합
UNDP: 유엔개발계획
UNICEF: 유니세프
UNESCO: 유네스코
UNHCR: 유엔난민기구
WHO: 세계보건기구
FAO: 유엔식량농업기구|식량농업기구
WFP: 세계식량계획|유엔세계식량계획
ILO: 국제노동기구
IOM: 국제이주기구
IAEA: 국제원자력기구
ICJ: 국제사법재판소
WTO: 세계무역기구
World Bank: 세계은행
IMF: 국제통화기금
ADB: 아시아개발은행
AIIB: 아시아인프라투자은행
OECD: 경제협력개발기구
APEC: 아시아태평양경제협력체
NATO: 나토|북대서양조약기구
Quad: 쿼드
AUKUS: 오커스
BRICS: 브릭스
RCEP: 역내포괄적경제동반자협정
MRC: 메콩강위원회
African Union: 아프리카연합
Arab League: 아랍연맹
SCO: 상하이협력기구
PIF: 태평양도서국포럼
Interpol: 인터폴
Commonwealth: 영연방
NAM: 비동맹운동
""",
    "fr": """
AE: EAU
BN: Brunei Darussalam|Brunéi Darussalam|Brunéi
CD: République démocratique du Congo|RDC|RD Congo
CG: République du Congo|Congo
CN: République populaire de Chine|RPC
CV: Cabo Verde
CZ: République tchèque
DM: Commonwealth de Dominique|la Dominique
GB: Grande-Bretagne|Angleterre
HK: Hong Kong
KP: RPDC|République populaire démocratique de Corée
KR: République de Corée
LA: République démocratique populaire lao|RDP lao
MM: Birmanie
MO: Macao
MU: île Maurice|Île Maurice|République de Maurice
MK: Macédoine du Nord
PS: Palestine|État de Palestine|Territoires palestiniens
RU: Fédération de Russie
US: Etats-Unis|États-Unis d'Amérique|USA
VA: Saint-Siège|Vatican
VN: Viêt Nam|Viêt-Nam|Viet-Nam|Vietnam|Viet Nam
TL: Timor oriental
ASEAN: ANASE|Association des nations de l'Asie du Sud-Est
EU: UE|Commission européenne
UN: ONU|Nations Unies|Nations unies|Organisation des Nations Unies
UNDP: PNUD|Programme des Nations Unies pour le développement
UNICEF: Fonds des Nations Unies pour l'enfance
UNESCO: Organisation des Nations Unies pour l'éducation, la science et la culture
UNHCR: HCR|Haut-Commissariat des Nations Unies pour les réfugiés
UNEP: PNUE
UNODC: ONUDC
WHO: OMS|Organisation mondiale de la Santé|Organisation mondiale de la santé
WFP: PAM|Programme alimentaire mondial
ILO: OIT|Organisation internationale du Travail|Organisation internationale du travail
IOM: OIM|Organisation internationale pour les migrations
IAEA: AIEA|Agence internationale de l'énergie atomique
ICJ: CIJ|Cour internationale de Justice|Cour internationale de justice
ICC: CPI|Cour pénale internationale
WTO: OMC|Organisation mondiale du commerce
WIPO: OMPI
World Bank: Banque mondiale
IMF: FMI|Fonds monétaire international
ADB: BAsD|Banque asiatique de développement
OECD: OCDE|Organisation de coopération et de développement économiques
G77: Groupe des 77
APEC: Coopération économique pour l'Asie-Pacifique
NATO: OTAN|Organisation du Traité de l'Atlantique Nord
MRC: Commission du Mékong|Commission du fleuve Mékong
African Union: Union africaine
Arab League: Ligue arabe|Ligue des États arabes
OIC: OCI|Organisation de la coopération islamique
ECOWAS: CEDEAO
SCO: OCS|Organisation de coopération de Shanghai
PIF: Forum des îles du Pacifique
Council of Europe: Conseil de l'Europe
Francophonie: OIF|Organisation internationale de la Francophonie|la Francophonie
NAM: Mouvement des non-alignés|Mouvement des pays non alignés
ICRC: CICR|Comité international de la Croix-Rouge
IPU: UIP|Union interparlementaire
""",
    "es": """
AE: EAU
CD: República Democrática del Congo|RDC|RD Congo
CG: República del Congo|Congo
CI: Costa de Marfil
CN: República Popular China|RPCh
CV: Cabo Verde
CZ: República Checa
GB: Gran Bretaña|Inglaterra
HK: Hong Kong
KP: RPDC|República Popular Democrática de Corea
KR: República de Corea
LA: RDP Lao|República Democrática Popular Lao
MM: Birmania
MO: Macao
PS: Palestina|Estado de Palestina|Territorios Palestinos
RU: Federación de Rusia
TL: Timor Oriental
TR: Turquía
US: EE. UU.|EE.UU.|EEUU|EE UU|Estados Unidos de América
VA: Santa Sede|Vaticano
VN: Viet Nam|Vietnam
ASEAN: Asociación de Naciones de Asia Sudoriental|Asociación de Naciones del Sudeste Asiático
EU: UE|Comisión Europea
UN: ONU|Organización de las Naciones Unidas
UNDP: PNUD|Programa de las Naciones Unidas para el Desarrollo
UNICEF: Fondo de las Naciones Unidas para la Infancia
UNESCO: Organización de las Naciones Unidas para la Educación, la Ciencia y la Cultura
UNHCR: ACNUR
UNEP: PNUMA
WHO: OMS|Organización Mundial de la Salud
WFP: PMA|Programa Mundial de Alimentos
ILO: OIT|Organización Internacional del Trabajo
IOM: OIM|Organización Internacional para las Migraciones
IAEA: OIEA|Organismo Internacional de Energía Atómica
ICJ: CIJ|Corte Internacional de Justicia
ICC: CPI|Corte Penal Internacional
WTO: OMC|Organización Mundial del Comercio
World Bank: Banco Mundial
IMF: FMI|Fondo Monetario Internacional
ADB: Banco Asiático de Desarrollo
OECD: OCDE|Organización para la Cooperación y el Desarrollo Económicos
APEC: Foro de Cooperación Económica Asia-Pacífico
NATO: OTAN|Organización del Tratado del Atlántico Norte
MRC: Comisión del Río Mekong
African Union: Unión Africana
Arab League: Liga Árabe|Liga de los Estados Árabes
OAS: OEA|Organización de los Estados Americanos
CELAC: Comunidad de Estados Latinoamericanos y Caribeños
Pacific Alliance: Alianza del Pacífico
SCO: OCS|Organización de Cooperación de Shanghái
PIF: Foro de las Islas del Pacífico
Council of Europe: Consejo de Europa
Interpol: INTERPOL
NAM: Movimiento de Países No Alineados|MNOAL
ICRC: CICR|Comité Internacional de la Cruz Roja
""",
    "pt": """
AE: EAU
CD: República Democrática do Congo|RDC|RD Congo
CG: República do Congo|Congo
CI: Costa do Marfim
CN: República Popular da China
CV: Cabo Verde
CZ: República Tcheca|República Checa|Chéquia
GB: Grã-Bretanha|Inglaterra
HK: Hong Kong
IR: Irão
KP: RPDC|República Popular Democrática da Coreia
KR: República da Coreia
MM: Birmânia|Myanmar
MO: Macau
PS: Palestina|Estado da Palestina|Territórios palestinos
RU: Federação Russa|Federação da Rússia
TL: Timor Leste
US: EUA|Estados Unidos da América
VA: Santa Sé|Vaticano
VN: Vietname|Vietnam|Vietnã|Vietnão
ASEAN: Associação de Nações do Sudeste Asiático|Associação das Nações do Sudeste Asiático
EU: UE|Comissão Europeia
UN: ONU|Organização das Nações Unidas
UNDP: PNUD|Programa das Nações Unidas para o Desenvolvimento
UNHCR: ACNUR
UNEP: PNUMA
WHO: OMS|Organização Mundial da Saúde
WFP: PMA|Programa Mundial de Alimentos
ILO: OIT|Organização Internacional do Trabalho
IOM: OIM
IAEA: AIEA|Agência Internacional de Energia Atômica|Agência Internacional de Energia Atómica
WTO: OMC|Organização Mundial do Comércio
World Bank: Banco Mundial
IMF: FMI|Fundo Monetário Internacional
ADB: Banco Asiático de Desenvolvimento
OECD: OCDE|Organização para a Cooperação e Desenvolvimento Econômico
NATO: OTAN|Organização do Tratado do Atlântico Norte
MRC: Comissão do Rio Mekong
African Union: União Africana
Arab League: Liga Árabe
OAS: OEA|Organização dos Estados Americanos
Mercosur: Mercosul|MERCOSUL
Pacific Alliance: Aliança do Pacífico
SCO: OCX|Organização para Cooperação de Xangai
NAM: Movimento dos Não Alinhados|Movimento Não-Alinhado
""",
    "de": """
AE: VAE
CD: Demokratische Republik Kongo|DR Kongo|DRK
CG: Republik Kongo|Kongo
CI: Elfenbeinküste
CN: Volksrepublik China
CZ: Tschechische Republik
DE: Bundesrepublik Deutschland
GB: Großbritannien|England
HK: Hongkong
KP: DVRK|Demokratische Volksrepublik Korea
KR: Republik Korea
MM: Birma|Burma
MO: Macau|Macao
PS: Palästina|Palästinensische Autonomiegebiete|Palästinensische Gebiete
RU: Russische Föderation
SK: Slowakische Republik
TL: Osttimor
US: Vereinigte Staaten von Amerika|Amerika
VA: Heiliger Stuhl|Heilige Stuhl|Vatikan
BY: Weißrussland
ASEAN: Verband Südostasiatischer Nationen
EU: EU-Kommission|Europäische Kommission
UN: UNO|Organisation der Vereinten Nationen
UNDP: Entwicklungsprogramm der Vereinten Nationen
UNICEF: Kinderhilfswerk der Vereinten Nationen
WHO: Weltgesundheitsorganisation
FAO: Ernährungs- und Landwirtschaftsorganisation
WFP: Welternährungsprogramm
ILO: Internationale Arbeitsorganisation
IOM: Internationale Organisation für Migration
IAEA: IAEO|Internationale Atomenergie-Organisation|Internationale Atomenergiebehörde
ICJ: Internationaler Gerichtshof|Internationale Gerichtshof
ICC: Internationaler Strafgerichtshof|Internationale Strafgerichtshof
WTO: Welthandelsorganisation
World Bank: Weltbank
IMF: IWF|Internationaler Währungsfonds|Internationale Währungsfonds
ADB: Asiatische Entwicklungsbank
OECD: Organisation für wirtschaftliche Zusammenarbeit und Entwicklung
G7: Gruppe der Sieben
NATO: Nato|Nordatlantikpakt
MRC: Mekong-Kommission
African Union: Afrikanische Union
Arab League: Arabische Liga
SCO: SOZ|Shanghaier Organisation für Zusammenarbeit
OSCE: OSZE|Organisation für Sicherheit und Zusammenarbeit in Europa
Council of Europe: Europarat
NAM: Bewegung der Blockfreien Staaten|Blockfreienbewegung
ICRC: IKRK|Internationales Komitee vom Roten Kreuz
""",
    "ru": """
AE: Эмираты|Объединенные Арабские Эмираты
BA: Боснии и Герцеговины|Боснии и Герцеговине|Боснией и Герцеговиной|БиГ
BY: Белоруссия
CD: Демократическая Республика Конго|ДР Конго|ДРК
CG: Республика Конго|Конго
CN: Китайская Народная Республика|КНР
CZ: Чешская Республика
DE: ФРГ|Федеративная Республика Германия
GB: Соединенное Королевство|Англия|Британия
HK: Гонконг
KG: Кыргызстан|Киргизия|Кыргызская Республика
KP: Северная Корея|Корейская Народно-Демократическая Республика
KR: Южная Корея
LA: ЛНДР|Лаосская Народно-Демократическая Республика
MD: Молдавия
MH: Маршалловы Острова|Маршалловых Островов
MO: Макао
NL: Голландия
PG: Папуа-Новая Гвинея|Папуа-Новой Гвинеи|Папуа-Новой Гвинее
PS: Палестина|Государство Палестина
RU: Российская Федерация|РФ
SB: Соломоновы Острова|Соломоновых Островов
SC: Сейшельские Острова|Сейшельских Островов|Сейшелы
TL: Тимор-Лешти|Восточный Тимор
TM: Туркмения
US: США|Соединенные Штаты Америки|Америка
VA: Святой Престол|Ватикан
VN: СРВ|Социалистическая Республика Вьетнам
ZA: Южная Африка|ЮАР
ASEAN: АСЕАН|Ассоциация государств Юго-Восточной Азии
EU: ЕС|Евросоюз|Европейский союз|Еврокомиссия
UN: ООН|Организация Объединенных Наций|Объединенные Нации
UNDP: ПРООН|Программа развития ООН
UNICEF: ЮНИСЕФ|Детский фонд ООН
UNESCO: ЮНЕСКО
UNHCR: УВКБ
UNEP: ЮНЕП
UNCTAD: ЮНКТАД
UNODC: УНП ООН
ESCAP: ЭСКАТО
WHO: ВОЗ|Всемирная организация здравоохранения
FAO: ФАО|Продовольственная и сельскохозяйственная организация
WFP: ВПП|Всемирная продовольственная программа
ILO: МОТ|Международная организация труда
IOM: МОМ|Международная организация по миграции
IAEA: МАГАТЭ|Международное агентство по атомной энергии
ICJ: Международный суд ООН
ICC: Международный уголовный суд|МУС
WTO: ВТО|Всемирная торговая организация
World Bank: Всемирный банк
IMF: МВФ|Международный валютный фонд
ADB: АБР|Азиатский банк развития
AIIB: АБИИ
OECD: ОЭСР
OPEC: ОПЕК
G7: Большая семерка
G20: Большая двадцатка|Группа двадцати
G77: Группа 77
BRICS: БРИКС
APEC: АТЭС
NATO: НАТО
RCEP: ВРЭП
MRC: Комиссия по реке Меконг
African Union: Африканский союз
Arab League: Лига арабских государств|ЛАГ
GCC: ССАГПЗ
OIC: Организация исламского сотрудничества|ОИС
SCO: ШОС|Шанхайская организация сотрудничества
CIS: СНГ|Содружество Независимых Государств
EAEU: ЕАЭС|Евразийский экономический союз
CSTO: ОДКБ|Организация Договора о коллективной безопасности
OSCE: ОБСЕ
Council of Europe: Совет Европы
Interpol: Интерпол
NAM: Движение неприсоединения
ICRC: МККК|Международный комитет Красного Креста
""",
    "ar": """
AE: الإمارات
CD: جمهورية الكونغو الديمقراطية
CG: جمهورية الكونغو|الكونغو
CN: جمهورية الصين الشعبية
CZ: جمهورية التشيك
GB: بريطانيا|إنجلترا
HK: هونغ كونغ
KR: جمهورية كوريا
KP: جمهورية كوريا الشعبية الديمقراطية
ML: جمهورية مالي|دولة مالي
BJ: جمهورية بنين
MM: بورما
MO: ماكاو
MV: المالديف
HU: المجر
OM: سلطنة عمان|السلطنة العمانية
PS: فلسطين|دولة فلسطين|السلطة الفلسطينية
RU: الاتحاد الروسي|روسيا الاتحادية
SA: السعودية
US: الولايات المتحدة الأمريكية|أمريكا|أميركا|الولايات المتحدة الأميركية
VA: الكرسي الرسولي
VN: فييتنام|الفيتنامية|الفيتنامي
CH: سويسرا
SG: سنغافورة
TL: تيمور ليشتي|تيمور الشرقية
ASEAN: آسيان|الآسيان|رابطة أمم جنوب شرق آسيا|رابطة دول جنوب شرق آسيا
EU: الاتحاد الأوروبي|المفوضية الأوروبية
UN: الأمم المتحدة|منظمة الأمم المتحدة
UNDP: برنامج الأمم المتحدة الإنمائي
UNICEF: اليونيسف|يونيسف|منظمة الأمم المتحدة للطفولة
UNESCO: اليونسكو|يونسكو|منظمة الأمم المتحدة للتربية والعلم والثقافة
UNHCR: المفوضية السامية للأمم المتحدة لشؤون اللاجئين|مفوضية اللاجئين
UNEP: برنامج الأمم المتحدة للبيئة
UN Women: هيئة الأمم المتحدة للمرأة
WHO: منظمة الصحة العالمية
FAO: منظمة الأغذية والزراعة|الفاو
WFP: برنامج الأغذية العالمي
ILO: منظمة العمل الدولية
IOM: المنظمة الدولية للهجرة
IAEA: الوكالة الدولية للطاقة الذرية
ICJ: محكمة العدل الدولية
ICC: المحكمة الجنائية الدولية
WTO: منظمة التجارة العالمية
World Bank: البنك الدولي
IMF: صندوق النقد الدولي
ADB: بنك التنمية الآسيوي|مصرف التنمية الآسيوي
AIIB: البنك الآسيوي للاستثمار في البنية التحتية
OECD: منظمة التعاون الاقتصادي والتنمية
OPEC: أوبك
G7: مجموعة السبع
G20: مجموعة العشرين
G77: مجموعة الـ77
BRICS: بريكس|البريكس
NATO: حلف شمال الأطلسي|الناتو|حلف الناتو
MRC: لجنة نهر الميكونغ|لجنة نهر ميكونغ
African Union: الاتحاد الأفريقي|الاتحاد الإفريقي
Arab League: جامعة الدول العربية|الجامعة العربية
GCC: مجلس التعاون الخليجي|مجلس التعاون لدول الخليج العربية
OIC: منظمة التعاون الإسلامي
SCO: منظمة شنغهاي للتعاون
Interpol: الإنتربول
NAM: حركة عدم الانحياز
ICRC: اللجنة الدولية للصليب الأحمر
""",
    "hi": """
AE: यूएई
BN: ब्रुनेई दारुस्सलाम
CD: कांगो लोकतांत्रिक गणराज्य
CG: कांगो गणराज्य|कांगो
CN: चीनी|चीन जनवादी गणराज्य
CZ: चेक गणराज्य
GB: ब्रिटेन|ब्रिटिश|यूके
GR: ग्रीस
HK: हांगकांग|हॉन्ग कॉन्ग
ID: इंडोनेशियाई
IL: इजराइल|इस्राइल|इजरायल
IN: भारतीय|भारत गणराज्य
JP: जापानी
KR: कोरिया गणराज्य
KP: उत्तरी कोरिया
MM: म्यांमार
PH: फिलीपींस|फिलीपीन्स|फिलिपीन|फिलीपीन
KH: कम्बोडिया
LA: लाओ
MO: मकाऊ
PS: फ़िलिस्तीन|फिलिस्तीनी
RU: रूसी|रूसी संघ|रशिया
SA: सऊदी
SG: सिंगापुर
TR: तुर्की
UA: यूक्रेनी
US: अमेरिका|अमरीका|संयुक्त राज्य अमेरिका|अमेरिकी
VN: वियतनामी|विएतनाम
TH: थाइलैंड
ML: माली गणराज्य
EU: यूरोपियन यूनियन|ईयू
ASEAN: आसियान|दक्षिण पूर्व एशियाई राष्ट्र संघ
UN: संयुक्त राष्ट्र संघ|यूएन
UNICEF: यूनिसेफ
UNESCO: यूनेस्को
UNDP: संयुक्त राष्ट्र विकास कार्यक्रम
WHO: विश्व स्वास्थ्य संगठन|डब्ल्यूएचओ
FAO: खाद्य और कृषि संगठन
ILO: अंतरराष्ट्रीय श्रम संगठन|अंतर्राष्ट्रीय श्रम संगठन
IAEA: अंतरराष्ट्रीय परमाणु ऊर्जा एजेंसी|अंतर्राष्ट्रीय परमाणु ऊर्जा एजेंसी
WTO: विश्व व्यापार संगठन
World Bank: विश्व बैंक
IMF: अंतरराष्ट्रीय मुद्रा कोष|अंतर्राष्ट्रीय मुद्रा कोष|आईएमएफ
ADB: एशियाई विकास बैंक
G7: जी7|जी-7
G20: जी20|जी-20
BRICS: ब्रिक्स
APEC: एपेक
NATO: नाटो
Quad: क्वाड
African Union: अफ़्रीकी संघ|अफ्रीकी संघ
Arab League: अरब लीग
SCO: शंघाई सहयोग संगठन|एससीओ
SAARC: सार्क
BIMSTEC: बिम्सटेक
Commonwealth: राष्ट्रमंडल
NAM: गुटनिरपेक्ष आंदोलन
""",
    "ta": """
CD: காங்கோ ஜனநாயகக் குடியரசு
CG: காங்கோ குடியரசு|காங்கோ
GB: பிரிட்டன்|ஐக்கிய இராச்சியம்|இங்கிலாந்து
HK: ஹாங்காங்|ஹொங்கொங்
ID: இந்தோனேஷியா
KR: கொரியக் குடியரசு
KP: வடகொரியா
MO: மக்காவ்
PE: பெரு நாடு
MY: மலேஷியா
PS: பாலஸ்தீனம்|பாலத்தீனம்
RU: ரஷியா|உருசியா
TH: தாய்லந்து
US: ஐக்கிய அமெரிக்கா
VN: வியட்நாமிய
KH: கம்போடிய
JP: ஜப்பானிய
CN: சீன
IN: இந்திய
EU: ஐரோப்பிய ஒன்றியம்
ASEAN: ஆசியான்|தென்கிழக்காசிய நாடுகள் சங்கம்
UN: ஐக்கிய நாடுகள் சபை|ஐ.நா|ஐநா
UNICEF: யுனிசெஃப்|யூனிசெப்
UNESCO: யுனெஸ்கோ
WHO: உலக சுகாதார அமைப்பு|உலக சுகாதார நிறுவனம்
ILO: சர்வதேச தொழிலாளர் அமைப்பு
WTO: உலக வர்த்தக அமைப்பு
World Bank: உலக வங்கி
IMF: சர்வதேச நாணய நிதியம்
ADB: ஆசிய வளர்ச்சி வங்கி|ஆசிய அபிவிருத்தி வங்கி
G7: ஜி7
G20: ஜி20|ஜி-20
BRICS: பிரிக்ஸ்
NATO: நேட்டோ
African Union: ஆப்பிரிக்க ஒன்றியம்
SAARC: சார்க்
Commonwealth: காமன்வெல்த்
""",
    "km": """
AU: អូស្ត្រាលី
CD: សាធារណរដ្ឋប្រជាធិបតេយ្យកុងហ្គោ
CG: សាធារណរដ្ឋកុងហ្គោ|កុងហ្គោ
CN: សាធារណរដ្ឋប្រជាមានិតចិន
CZ: សាធារណរដ្ឋឆែក
GB: អង់គ្លេស
HK: ហុងកុង
KR: សាធារណរដ្ឋកូរ៉េ
MM: មីយ៉ាន់ម៉ា|ភូមា
MO: ម៉ាកាវ
PS: ប៉ាឡេស្ទីន
RU: រុស្ស៊ី|សហព័ន្ធរុស្ស៊ី
US: អាមេរិក|សហរដ្ឋអាមេរិក
VN: វៀតណាម
EU: សហភាពអឺរ៉ុប
ASEAN: អាស៊ាន
UN: អង្គការសហប្រជាជាតិ|អ.ស.ប
UNICEF: យូនីសេហ្វ
UNESCO: យូណេស្កូ
WHO: អង្គការសុខភាពពិភពលោក
FAO: អង្គការស្បៀងអាហារ និងកសិកម្ម
ILO: អង្គការអន្តរជាតិខាងការងារ
WTO: អង្គការពាណិជ្ជកម្មពិភពលោក
World Bank: ធនាគារពិភពលោក
IMF: មូលនិធិរូបិយវត្ថុអន្តរជាតិ
ADB: ធនាគារអភិវឌ្ឍន៍អាស៊ី
MRC: គណៈកម្មការទន្លេមេគង្គ
NATO: ណាតូ
""",
    "lo": """
CD: ສາທາລະນະລັດປະຊາທິປະໄຕຄອງໂກ
CG: ສາທາລະນະລັດຄອງໂກ|ຄອງໂກ
CN: ສປ ຈີນ|ສປຈີນ
GB: ອັງກິດ
HK: ຮົງກົງ
KR: ສ.ເກົາຫຼີ|ສ ເກົາຫຼີ|ເກົາຫຼີໃຕ້
KP: ເກົາຫຼີເໜືອ
KH: ກໍາປູເຈຍ|ກຳປູເຈຍ
LA: ສປປ ລາວ
MM: ມຽນມາ|ພະມ້າ
MO: ມາເກົາ
MY: ມາເລເຊຍ
PH: ຟີລິບປິນ
PS: ປາແລັດສະຕິນ
RU: ຣັດເຊຍ|ລັດເຊຍ
SG: ສິງກະໂປ
TD: ສາທາລະນະລັດຊາດ
US: ສະຫະລັດ|ອາເມລິກາ|ສ.ອາເມລິກາ
VN: ຫວຽດນາມ|ສສ ຫວຽດນາມ
JP: ຍີ່ປຸ່ນ
ID: ອິນໂດເນເຊຍ
EU: ສະຫະພາບເອີຣົບ
ASEAN: ອາຊຽນ
UN: ສະຫະປະຊາຊາດ|ອົງການສະຫະປະຊາຊາດ|ສປຊ
UNICEF: ອົງການຢູນິເຊັບ
UNESCO: ອົງການຢູເນສໂກ
WHO: ອົງການອະນາໄມໂລກ
ILO: ອົງການແຮງງານສາກົນ
WTO: ອົງການການຄ້າໂລກ
World Bank: ທະນາຄານໂລກ
IMF: ກອງທຶນການເງິນສາກົນ
ADB: ທະນາຄານພັດທະນາອາຊີ
MRC: ຄະນະກຳມາທິການແມ່ນ້ຳຂອງ|ຄະນະກໍາມາທິການແມ່ນໍ້າຂອງ
""",
    "my": """
CD: ကွန်ဂိုဒီမိုကရက်တစ်သမ္မတနိုင်ငံ
CG: ကွန်ဂို
CN: တရုတ်ပြည်သူ့သမ္မတနိုင်ငံ
GB: ဗြိတိန်
HK: ဟောင်ကောင်
KR: ကိုရီးယားသမ္မတနိုင်ငံ
MM: မြန်မာ
MO: မကာအို
PS: ပါလက်စတိုင်း
RU: ရုရှားဖက်ဒရေးရှင်း
US: အမေရိကန်|အမေရိကန်ပြည်ထောင်စု
TW: ထိုင်ဝမ်
EU: ဥရောပသမဂ္ဂ
ASEAN: အာဆီယံ
UN: ကုလသမဂ္ဂ
UNICEF: ယူနီဆက်ဖ်
UNESCO: ယူနက်စကို
WHO: ကမ္ဘာ့ကျန်းမာရေးအဖွဲ့
FAO: ကုလသမဂ္ဂစားနပ်ရိက္ခာနှင့်စိုက်ပျိုးရေးအဖွဲ့
ILO: အပြည်ပြည်ဆိုင်ရာအလုပ်သမားအဖွဲ့
WTO: ကမ္ဘာ့ကုန်သွယ်ရေးအဖွဲ့
World Bank: ကမ္ဘာ့ဘဏ်
IMF: အပြည်ပြည်ဆိုင်ရာငွေကြေးရန်ပုံငွေအဖွဲ့
ADB: အာရှဖွံ့ဖြိုးရေးဘဏ်
MRC: မဲခေါင်မြစ်ကော်မရှင်
NATO: နေတိုး
BIMSTEC: ဘင်းမ်စတက်
""",
}

# Longer names that hold a party's name and are none, in either case of their first letter. CLDR's regions are added.
NOT_PARTIES: Final[dict[str, str]] = {
    "en": """
Indian Ocean|Western Indian Ocean|South China Sea|East China Sea|New Mexico|Gulf of Mexico|Gulf of America
Gulf of Oman|Sea of Oman|Gulf of Thailand|Gulf of Guinea|Gulf of Panama|Sea of Japan|Jordan River|River Jordan
Jordan Valley|Niger River|River Niger|Niger Delta|Niger Basin|Congo River|Congo Basin|Lake Chad|Lake Malawi
Panama Canal|Panama Papers|English Channel|Korean Peninsula|Korea Strait|Korean War|inter-Korean|intra-Korean|Taiwan Strait
African-American|African-Americans|Group of Seven Plus|Vietnam+|VietnamPlus
Taiwan Straits|New Guinea|New England|South Georgia|State of Georgia|Atlanta, Georgia|Northern Ireland|New South Wales
Latin American|Latin Americans|Latin America|North America|South America|Central America|North American|South American
Central American|Inter-American|Pan-American|Pan American|African American|African Americans|Native American
American Samoa|British Columbia|British Virgin Islands|Vietnam War|Viet Nam War|West Indian|American Indian
French Polynesia|French Guiana|Spanish flu|Japanese encephalitis|Central African|Guinea worm|Sierra Leonean|US dollar
US dollars|U.S. dollar|U.S. dollars|US$|Swiss franc|Swiss francs|Hong Kong dollar|Australian dollar|Canadian dollar
Congo virus|Paris Commune|Spanish-speaking|French-speaking|Portuguese-speaking|Portuguese-Speaking|English-speaking
French language|Chinese language|Russian language|Portuguese language|Spanish language|RSA Conference|RSA Security
RSA encryption|RSA algorithm|RSA key|RSA keys
""",
    "vi": """
Ấn Độ Dương|Bắc Mỹ|Nam Mỹ|Trung Mỹ|Mỹ Latinh|Mỹ La tinh|Mỹ La-tinh|Mỹ-Latinh|châu Mỹ|Mỹ thuật|Mỹ phẩm|Mỹ Tho|Mỹ Đình
Mỹ Sơn|Mỹ Khê|bán đảo Triều Tiên|eo biển Đài Loan|vịnh Thái Lan|vịnh Mexico|vịnh Oman|vịnh Guinea|biển Nhật Bản
sông Congo|hồ Chad|New Mexico|New Guinea|kênh đào Panama|bang Georgia|Bắc Ireland|Pháp luật|Pháp lệnh|Pháp chế|Pháp lý
Pháp y|Pháp nhân|Pháp ngữ|Anh ngữ|Hoa ngữ|Lào Cai|Đức Phật|Đức Thánh|Đức Giáo hoàng|Đức Giáo Hoàng|Đức Hồng y|Đức Mẹ
Đức Chúa|Đức Vua|Đức Tổng|Đức Thọ|Đức Hòa|Đức Trọng|Áo dài|Áo vest|Ý kiến|Ý tưởng|Ý nghĩa|Ý thức|Ý chí|Ý định|Ý đồ
Ý thơ|Anh em|Anh chị|Anh hùng|Anh ấy|Anh ta|Anh trai|Anh linh|Anh Sơn|Nga Sơn|Nhật ký|Nhật trình|Nhật Tân|Nhật Lệ
Nhật thực|Chủ Nhật|Chủ nhật|viêm não Nhật Bản|chiến tranh Việt Nam|chiến tranh Triều Tiên|đô la Mỹ|đô-la Mỹ|đôla Mỹ
đô la Úc|Bỉ ổi|Trung Quốc học
""",
    "id": """
Samudra Hindia|Samudera Hindia|Laut China Selatan|Laut Cina Selatan|Semenanjung Korea|Amerika Latin|Amerika Selatan
Amerika Utara|Amerika Tengah|Laut Jepang|Teluk Meksiko|Selat Taiwan|Teluk Thailand
""",
    "ms": """
Lautan Hindi|Laut China Selatan|Semenanjung Korea|Semenanjung Malaysia|Amerika Latin|Amerika Selatan|Amerika Utara
Selat Taiwan|Amerika Tengah|Teluk Thailand
""",
    "fil": """
Karagatang Indiyan|Dagat Timog Tsina|Dagat Kanlurang Pilipinas|Tangway ng Korea|Latin Amerika|Hilagang Amerika
Timog Amerika
""",
    "th": """
มหาสมุทรอินเดีย|ทะเลจีนใต้|ทะเลจีนตะวันออก|คาบสมุทรเกาหลี|ช่องแคบไต้หวัน|อ่าวไทย|อ่าวเม็กซิโก|ลาตินอเมริกา
ละตินอเมริกา|บิกินี|ชาวลาวโซ่ง|ทะเลญี่ปุ่น|อเมริกาใต้|อเมริกาเหนือ|อเมริกากลาง
""",
    "zh": """
印度洋|印度支那|印度河|新墨西哥|墨西哥湾|约旦河|日本海|南美|北美|拉美|中美洲|马里兰|马里亚纳|朝鲜半岛|朝鲜战争
台湾海峡|新几内亚|英属|美属|法属|泰国湾|阿曼湾|巴拿马运河|美国之音|文莱苏丹|苏丹陛下|苏丹哈桑纳尔|北爱尔兰|乍得湖
刚果河|中美地区|中美国家|中老年|中韩文|英国广播|几内亚湾|中法院|日美元|法语国家
越来越
""",
    "ja": """
インド洋|インド太平洋|インドシナ|日本海|中国地方|朝鮮半島|台湾海峡|メキシコ湾|ヨルダン川|パナマ運河|ニューメキシコ
ギニア湾|北アイルランド|タイ湾|米国債|南シナ海|東シナ海|ニューギニア|英国放送
""",
    "ko": """
인도양|인도태평양|인도·태평양|인도-태평양|인도적|인도주의|인도주의적|인도차이나|대만해협|한국전쟁|멕시코만|뉴멕시코
요르단강|파나마운하|북아일랜드|일본해|중국해|남중국해|동중국해|조지아주
""",
    "fr": """
océan Indien|mer de Chine méridionale|mer de Chine orientale|mer de Chine|mer du Japon|golfe du Mexique
golfe de Guinée|golfe d'Oman|golfe de Thaïlande|péninsule coréenne|péninsule de Corée|détroit de Taïwan
Nouveau-Mexique|Irlande du Nord|lac Tchad|bassin du Congo|canal de Panama|Amérique latine|Commonwealth de Virginie
Île-de-France|Ile-de-France|Marie-France
""",
    "es": """
océano Índico|mar de China Meridional|mar del Sur de China|mar de China Oriental|mar de la China Meridional
península de Corea|mar del Japón|golfo de México|golfo de Guinea|estrecho de Taiwán|Nuevo México|Irlanda del Norte
lago Chad|cuenca del Congo|canal de Panamá|Ciudad de México
""",
    "pt": """
oceano Índico|mar da China Meridional|mar do Sul da China|mar da China Oriental|península da Coreia|península coreana
mar do Japão|golfo do México|golfo da Guiné|estreito de Taiwan|Novo México|Irlanda do Norte|lago Chade|bacia do Congo
canal do Panamá
""",
    "de": """
Indischer Ozean|Südchinesisches Meer|Golf von Mexiko|Golf von Guinea|Golf von Oman|Golf von Thailand|Nordirland
Straße von Taiwan|Neuguinea|New Mexico|Tschadsee|Lateinamerika|Südamerika|Nordamerika|Mittelamerika
""",
    "ru": """
Южная Америка|Северная Америка|Латинская Америка|Центральная Америка|Северная Ирландия|Индийский океан|Новая Гвинея
""",
    "ar": """
المحيط الهندي|بحر الصين الجنوبي|بحر الصين الشرقي|شبه الجزيرة الكورية|مضيق تايوان|خليج المكسيك|خليج عمان|نهر الأردن
أمريكا اللاتينية|أمريكا الجنوبية|أمريكا الشمالية|أميركا اللاتينية|المغرب العربي|أيرلندا الشمالية|بحيرة تشاد
حوض الكونغو|اليمن السعيد
""",
    "hi": """
हिंद महासागर|हिन्द महासागर|भारतीय महासागर|दक्षिण चीन सागर|पूर्वी चीन सागर|कोरियाई प्रायद्वीप|लैटिन अमेरिका
दक्षिण अमेरिका|उत्तरी अमेरिका|उत्तर अमेरिका|लातिन अमेरिका|भारतीय उपमहाद्वीप
""",
    "ta": """
இந்தியப் பெருங்கடல்|தென் சீனக் கடல்|கிழக்கு சீனக் கடல்|கொரிய தீபகற்பம்|லத்தீன் அமெரிக்கா|தென் அமெரிக்கா|வட அமெரிக்கா
இந்திய-பசிபிக்
""",
    "km": """
មហាសមុទ្រឥណ្ឌា|សមុទ្រចិនខាងត្បូង|ឧបទ្វីបកូរ៉េ|អាមេរិកឡាទីន|អាមេរិកខាងត្បូង|អាមេរិកខាងជើង|ឈូងសមុទ្រថៃ
""",
    "lo": """
ມະຫາສະໝຸດອິນເດຍ|ທະເລຈີນໃຕ້|ແຫຼມເກົາຫຼີ|ອາເມລິກາລາຕິນ|ອາເມລິກາໃຕ້|ອາເມລິກາເໜືອ
""",
    "my": """
အိန္ဒိယသမုဒ္ဒရာ|တောင်တရုတ်ပင်လယ်|ကိုရီးယားကျွန်းဆွယ်|လက်တင်အမေရိက
""",
}

# Names that mean something else more often, by language; CLDR's and the English ones are meant.
UNSAFE: Final[dict[str, str]] = {
    "fr": "Dominique|Maurice|UN|AU|US",
    "es": "UN",
    "pt": "UN|AU",
    "de": "AU|DRK",
    "vi": "NAM|Lao|Thai|Saudi",
    "th": "ชาด|มาลี|เช็ก",
    "ko": "수단",
    "ar": "مالي|عمان|بنين",
    "hi": "माली",
    "ta": "மாலி|பெரு|சாட்",
    "lo": "ຊາດ|ມາລີ",
}

# Chinese, Japanese and Korean write pairs and triples in first characters: 中越关系, 日米韓, 한미일. Only these are known.
INITIALS: Final[dict[str, dict[str, str]]] = {
    "zh": {"中": "CN", "越": "VN", "美": "US", "日": "JP", "韩": "KR", "俄": "RU", "英": "GB", "法": "FR", "德": "DE", "印": "IN",
           "澳": "AU", "欧": "EU", "柬": "KH", "老": "LA", "缅": "MM", "泰": "TH", "菲": "PH", "朝": "KP"},
    "ja": {"日": "JP", "中": "CN", "米": "US", "韓": "KR", "露": "RU", "英": "GB", "仏": "FR", "独": "DE", "印": "IN", "豪": "AU",
           "越": "VN", "朝": "KP", "比": "PH"},
    "ko": {"한": "KR", "미": "US", "일": "JP", "중": "CN", "러": "RU", "베": "VN", "북": "KP"},
}  # fmt: skip
PAIRS: Final[dict[str, str]] = {
    "zh": """
中越 越中 中美 美中 中日 日中 中韩 韩中 中俄 俄中 中英 英中 中法 法中 中德 德中 中印 印中 中澳 澳中 中欧 欧中 中柬
柬中 中老 老中 中缅 缅中 中泰 泰中 中菲 菲中 中朝 越美 美越 越日 日越 越韩 韩越 越俄 俄越 越老 老越 越柬 柬越 越印
越法 越德 越英 越澳 越欧 美日 日美 美韩 韩美 美俄 俄美 美英 英美 美欧 欧美 美印 印美 美菲 菲美 日韩 韩日 日俄 俄日
日印 日澳 日菲 日英 俄欧 俄朝 朝俄 朝美 英法 法德 中日韩 韩日中 日中韩 美日韩 韩美日 日美韩 美日澳 美日菲 中俄印
越老柬 柬老越 美英澳 美日印澳
""",
    "ja": """
日中 中日 日米 米日 日韓 韓日 日露 日英 日仏 日独 日印 日豪 日越 越日 日朝 日比 米中 中米 米韓 米朝 米露 中露 中韓
中朝 中印 中越 越中 米越 越米 英米 米英 米英豪 日中韓 日韓中 日米韓 米日韓 日米豪 日米比 日米印 韓米 米豪 独仏 仏独
""",
    "ko": """
한미 미한 한일 일한 한중 중한 한러 러한 한베 미중 중미 미일 일미 미러 러미 중러 러중 중일 북중 북러 미북 한미일 미일한
한중일 한일중 중일한 북중러
""",
}

# Words behind a pair that begin like the rest of a full name: 中美国防 is of both, and 中美国 of the US alone (其中美国, "of them the US").
PAIR_TAILS: Final[dict[str, str]] = {
    "zh": "国防 国家 国会 国民 国际 国内 国旗 方面 方案 本周 本月 本年 本次 本届 本着",
    "ja": "国交 国境 国防 国家 国会 国民 国際 国内 国債 国益",
}

# Words right after which a Latin name is a person's or a language's; the English ones go for every language.
NOT_AFTER: Final[dict[str, str]] = {
    "en": "Mr.|Mr|Mrs.|Mrs|Ms.|Ms|Dr.|Dr|Prof.|Prof|Professor",
    "id": "Bahasa|bahasa",
    "ms": "Bahasa|bahasa",
}

# Vietnamese country names of one syllable are words and given names too: they count only where the word before does
# not make a person's name of them. The short ones count only in a pair, such as Việt-Nhật.
VI_SYLLABLES: Final = "Anh Áo Bỉ Đức Lào Mỹ Nga Nhật Pháp Séc Síp Úc Ý"
VI_SHORT: Final = {"Việt": "VN", "Trung": "CN", "Hàn": "KR", "Ấn": "IN", "Thái": "TH", "Triều": "KP"}
# Other members of such pairs.
VI_PAIRED: Final = "Việt Nam|Nhật Bản|Trung Quốc|Hàn Quốc|Hoa Kỳ|Ấn Độ|Thái Lan|Campuchia|Singapore|Australia|ASEAN|EU"
# Capitalised words after which such a name is a country, and words after which it is a person or a language.
VI_BEFORE_COUNTRY: Final = """
Nước Phía Bên Chính Tổng Thống Thủ Tướng Bộ Trưởng Quốc Hội Đại Sứ Quán Liên Bang Vương Cộng Hòa Hoàng Gia Người Trắng Giao
Phòng Thương Mại Phủ Hậu
"""
# Words between which and another capitalised word it is the first half of a name: và Đức Anh, huyện Mỹ Đức.
VI_BEFORE_NAME: Final = "và cùng hay hoặc quận huyện xã phường thị thôn ấp làng đường phố cầu chùa"
VI_BEFORE_PERSON: Final = "ông bà anh chị cô em bác chú cậu cụ bé tiếng Ông Bà Anh Chị Cô Em Tiếng"

# What may stand around a name in its language's own script, as patterns: before it, joined to its start, joined to its
# end, after it.
_THAI: Final = "\u0e30-\u0e3a\u0e45\u0e47-\u0e4e"
_LAO: Final = "\u0eb0-\u0ebc\u0ec8-\u0ece"
_KHMER: Final = "\u17b6-\u17d3\u17dd"
_BURMESE: Final = "\u102b-\u103e\u1056-\u1059\u105e-\u1060"
_ARABIC: Final = "\u0620-\u065f\u066e-\u06d3"
_HINDI: Final = "\u0900-\u0963\u0970-\u097f"
_TAMIL: Final = "\u0b80-\u0be5"
_KATAKANA: Final = "ァ-ヴー"
# What 日 ends as "day", and not begins as Japan. 同 does at the start of a clause (same day), elsewhere it is "with".
_DAY: Final = r"0-9０-９一二三四五六七八九十今近昨即当"
_ZH: Final = "".join(INITIALS["zh"])
_JA: Final = "".join(INITIALS["ja"])
_PARTICLES: Final = (
    "은|는|이|가|을|를|의|에|에서|에게|와|과|로|으로|도|만|까지|부터|보다|처럼|인|측|산|군|간|내|행|발|"
    "정부|대통령|총리|국민|외교부|외교장관|정상회의|정상회담|관계"
)
AROUND: Final[dict[str, tuple[str, str, str, str]]] = {
    "ru": ("(?<![а-яА-Я])", "", "", "(?![а-яА-Я])"),
    "ar": (f"(?<![{_ARABIC}])", "[وف]?[بكل]?", "(?:ية|ي)?", f"(?![{_ARABIC}])"),
    "hi": (f"(?<![{_HINDI}])", "", "", f"(?![{_HINDI}])"),
    # Case endings. After few letters only those that begin with a glide: சீனா is China, சீனி sugar.
    "ta": (f"(?<![{_TAMIL}])", "", f"(?:(?<=[{_TAMIL}]{{5}})[{_TAMIL}]{{1,10}}|வ[{_TAMIL}]{{1,10}})?", f"(?![{_TAMIL}])"),
    "ko": ("(?<![가-힣])", "", f"(?:{_PARTICLES}){{0,3}}", "(?![가-힣])"),
    # No spaces between words: a name starts at no second half of a syllable, and not after "language".
    "th": ("(?<![เแโใไ])(?<!ภาษา)", "", "", f"(?![{_THAI}])"),
    "lo": ("(?<![ເແໂໃໄ])(?<!ພາສາ)", "", "", f"(?![{_LAO}])"),
    "km": ("(?<!\u17d2)(?<!ភាសា)", "", "", f"(?![{_KHMER}])"),
    "my": ("(?<!\u1039)", "", "", f"(?![{_BURMESE}])"),
    # No pair begins inside 5日 or 其中, "of them"; 谈中美关系 is about one, and 会谈中 means "during the talks".
    "zh": (rf"(?!(?<=\b同|[{_DAY}])日[{_ZH}]|(?:(?<=其)|(?<=会谈|演讲|讲话))中[{_ZH}])", "", "", "(?![语語])"),
    # A katakana name is a whole run of katakana: マリ is Mali, マリン is not.
    "ja": (rf"(?!(?<=\b同|[{_DAY}来翌毎])日[{_JA}])(?:(?<![{_KATAKANA}])|(?![{_KATAKANA}]))", "", "",
           f"(?:(?<![{_KATAKANA}])(?!語)|(?![語{_KATAKANA}]))"),
}  # fmt: skip
# Marks and letters that a language's writers leave out or exchange, for `str.translate`.
FOLD: Final[dict[str, dict[int, str | None]]] = {
    "ru": {ord("ё"): "е", ord("Ё"): "Е"},
    "ar": {**dict.fromkeys(map(ord, "أإآٱ"), "ا"), **dict.fromkeys([*range(0x64B, 0x653), 0x640])},
    "hi": {0x93C: None},
}

# Russian endings of the nominative, longest first, and what takes their place in the other cases.
RU_ADJECTIVES: Final = {
    "ая": "ой ую", "яя": "ей юю", "ый": "ого ому ым ом", "ий": "ого ому им ом", "ое": "ого ому ым ом", "ые": "ых ым ыми", "ие": "их им ими",
}  # fmt: skip
RU_NOUNS: Final = {
    "ины": "ин инам инами инах", "ия": "ии ию ией", "ка": "ки ке ку кой", "га": "ги ге гу гой", "ша": "ши ше шу шей", "жа": "жи же жу жей",
    "ай": "ая аю аем ае",
    "ей": "ея ею еем ее", "ие": "ия ию ием ии", "во": "ва ву вом ве", "ды": "дов дам дами дах", "ты": "тов там тами тах",
    "вы": "в вам вами вах", "лы": "л лам лами лах", "а": "ы е у ой", "я": "и е ю ей", "ь": "и я ю ем е",
}  # fmt: skip
RU_AFTER_CONSONANT: Final = "а у ом е"
