/** The page's words in its two languages, and which of them it speaks. */

const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

const WORDS = {
  en: {
    skip: "To the article",
    title: "Cooperation areas in diplomatic news",
    lead: "Paste an article: each sentence gets the areas of cooperation that it names, with the words that say so.",
    pageLanguage: "Language of the page",
    sidebar: "Threshold, filters and downloads",
    threshold: "Threshold",
    goal: "How strict",
    ownThreshold: "One threshold for all areas",
    filter: "Show",
    onlyTagged: "Only sentences with areas",
    onlyUncertain: "Only uncertain ones",
    onlyChanged: "Only sentences that change",
    notInUse: (x) => `${x}, not in use`,
    sentence: (n) => `Sentence ${number(n)}`,
    clearFilter: "Show all",
    exportCorrections: "Export corrections",
    exportN: (n) => `Export corrections (${number(n)})`,
    comparison: "The two articles",
    compare: "Compare with another article",
    editTitle: "Which areas does this sentence name?",
    findArea: "Find an area",
    namesNone: "Names none",
    cancel: "Cancel",
    save: "Save correction",
    confirm: "Confirm",
    saveNext: "Save and next",
    confirmNext: "Confirm and next",
    reader: "Your name or e-mail",
    exportNote: "To add them to the corpus, run:",
    exportCounts: (changed, confirmed) => `${plural(changed, "sentence")} corrected, ${number(confirmed)} confirmed.`,
    exportLeftOut: (n) => `${plural(n, "sentence")} in no language that the model knows ${n === 1 ? "is" : "are"} left out.`,
    exportNothing: "There is nothing to export.",
    slug: (name) => `${name}: short title (a–z, 0–9, -)`,
    slugHint: "Small letters a–z, digits and hyphens",
    year: "Year",
    download: "Download",
    keyTitle: "This server asks for a key",
    keyRefused: "The server did not accept this key.",
    key: "API key",
    keyNote: "It is kept in this page only, until you close it.",
    continue: "Continue",
    editText: "Edit text",
    close: "Close",
    placeholder: "Paste an article here, or drop a file",
    tag: "Tag",
    chooseFile: "Choose a file …",
    fileKinds: ".txt, .html, .docx or .pdf",
    example: "Try an example:",
    progress: "Progress",
    stop: "Stop",
    drop: "Drop the file here",
    article: "Article",
    articleA: "Article A",
    articleB: "Article B",
    goalName: { f1: "Balanced", precision: "Careful", recall: "Thorough", own: "Own threshold", default: "As the server is set" },
    goalAim: { f1: "best F1", precision: (x) => `precision ${x}`, recall: (x) => `recall ${x}` },
    changes: (more, fewer) => `${plural(more, "tag")} more, ${number(fewer)} fewer than by default.`,
    noChanges: "The same tags as by default.",
    filtered: (shown, all) => `${number(shown)} of ${plural(all, "sentence")}`,
    pillars: {
      "political-security": "Political-security",
      economic: "Economic",
      sustainability: "Sustainability",
      "socio-cultural": "Socio-cultural",
      "cross-pillar": "Cross-pillar",
      "": "No pillar",
    },
    countOf: (area, n) => `${area}: ${plural(n, "sentence")}`,
    countOfBoth: (area, a, b) => `${area}: ${number(a)} in A, ${number(b)} in B`,
    only: (name) => `only ${name}`,
    inBoth: "In both",
    onlyIn: (name) => `Only in article ${name}`,
    noArea: "none",
    tagging: (share) => `Tagging: ${share} read.`,
    done: (all, tagged, uncertain) => `${plural(all, "sentence")}, ${number(tagged)} with areas, ${number(uncertain)} uncertain.`,
    stopped: (all) => `Stopped after ${plural(all, "sentence")}.`,
    noSentence: "The text has no sentence.",
    readingFile: (name) => `Reading ${name} …`,
    waiting: (seconds) => `The server is busy; trying again in ${plural(seconds, "second")}.`,
    uncertain: "uncertain: read it",
    truncated: "too long: its end was not read",
    forced: "cut at the length limit",
    unsupported: (code) => `language not known to the model (${code}): a guess`,
    failed: "could not be tagged",
    corrected: "corrected",
    confirmed: "confirmed",
    added: "added:",
    lost: "no longer:",
    edit: "edit",
    editSentence: (n) => `edit the areas of sentence ${number(n)}`,
    undo: "undo",
    undoSentence: (n) => `undo the correction of sentence ${number(n)}`,
    closeDetails: "Close details",
    score: "Score",
    without: "Without the marked words",
    appliedThreshold: "Threshold",
    explaining: "Looking for the words that decided it …",
    noEvidence: "No single words decided it.",
    definition: "Definition",
    inEnglish: "",
    nearest: "Most similar labelled sentences",
    noNearest: "No labelled sentence is similar.",
    similarity: (x) => `similarity ${x}`,
    about: (name, version, areas, languages) =>
      `cooptag ${version}, model ${name}: ${areas} areas, ${languages} languages. Nothing is stored.`,
    empty: "There is no text yet: paste an article, drop a file or take an example.",
    tooLong: (n, most) => `The text has ${number(n)} characters; the server takes at most ${number(most)}. Shorten or split it.`,
    tooLarge: (name, most) => `${name} is larger than ${number(Math.floor(most / 1e6))} MB, the server's limit. Take a smaller file.`,
    wrongFile: (name) => `${name} cannot be read here; take a .txt, .html, .docx or .pdf file.`,
    emptyFile: (name) => `${name} holds no text.`,
    badFile: "The server cannot read this file; is it damaged, encrypted or scanned without text?",
    slowFile: "Reading this file took too long; take a smaller one, or paste its text.",
    offline: "The server cannot be reached. Your text is still here; try again.",
    broken: "The connection broke off. What was tagged stays; try again.",
    status401: "The server asks for a key.",
    status413: "The text is too large for this server. Shorten or split it.",
    status415: "The server does not take this kind of file.",
    status422: "The server did not take this text.",
    status429: "The server is busy. Wait a little and try again.",
    status503: "The server is not ready. Wait a little and try again.",
    status504: "The server took too long. Try again, or a shorter text.",
    statusOther: (status) => `The server had a fault (${status}). Try again.`,
  },
  vi: {
    skip: "Đến bài viết",
    title: "Lĩnh vực hợp tác trong tin đối ngoại",
    lead: "Dán một bài viết để xem từng câu nêu những lĩnh vực hợp tác nào và dựa vào những từ nào.",
    pageLanguage: "Ngôn ngữ của trang",
    sidebar: "Ngưỡng, bộ lọc và tải xuống",
    threshold: "Ngưỡng",
    goal: "Mức độ chặt chẽ",
    ownThreshold: "Ngưỡng chung cho mọi lĩnh vực",
    filter: "Hiển thị",
    onlyTagged: "Chỉ câu có lĩnh vực",
    onlyUncertain: "Chỉ câu chưa chắc chắn",
    onlyChanged: "Chỉ câu có thay đổi",
    notInUse: (x) => `${x}, không dùng`,
    sentence: (n) => `Câu ${number(n)}`,
    clearFilter: "Hiện tất cả",
    exportCorrections: "Xuất các chỉnh sửa",
    exportN: (n) => `Xuất các chỉnh sửa (${number(n)})`,
    comparison: "Hai bài viết",
    compare: "So sánh với bài khác",
    editTitle: "Câu này nêu những lĩnh vực nào?",
    findArea: "Tìm lĩnh vực",
    namesNone: "Không nêu lĩnh vực nào",
    cancel: "Hủy",
    save: "Lưu chỉnh sửa",
    confirm: "Xác nhận",
    saveNext: "Lưu và sang câu sau",
    confirmNext: "Xác nhận và sang câu sau",
    reader: "Họ tên hoặc email của bạn",
    exportNote: "Để đưa vào kho ngữ liệu, chạy lệnh:",
    exportCounts: (changed, confirmed) => `${number(changed)} câu đã sửa, ${number(confirmed)} câu đã xác nhận.`,
    exportLeftOut: (n) => `Bỏ qua ${number(n)} câu không thuộc ngôn ngữ nào mà mô hình hỗ trợ.`,
    exportNothing: "Không có gì để xuất.",
    slug: (name) => `${name}: tên ngắn (a–z, 0–9, -)`,
    slugHint: "Chữ thường a–z, chữ số và dấu gạch nối",
    year: "Năm",
    download: "Tải xuống",
    keyTitle: "Máy chủ yêu cầu khóa truy cập",
    keyRefused: "Máy chủ không chấp nhận khóa này.",
    key: "Khóa API",
    keyNote: "Khóa chỉ được giữ trên trang này cho đến khi bạn đóng trang.",
    continue: "Tiếp tục",
    editText: "Sửa văn bản",
    close: "Đóng",
    placeholder: "Dán bài viết vào đây hoặc kéo thả một tệp",
    tag: "Gắn nhãn",
    chooseFile: "Chọn tệp …",
    fileKinds: ".txt, .html, .docx hoặc .pdf",
    example: "Dùng thử ví dụ:",
    progress: "Tiến độ",
    stop: "Dừng",
    drop: "Thả tệp vào đây",
    article: "Bài viết",
    articleA: "Bài A",
    articleB: "Bài B",
    goalName: { f1: "Cân bằng", precision: "Thận trọng", recall: "Bao quát", own: "Ngưỡng tự chọn", default: "Theo thiết lập của máy chủ" },
    goalAim: { f1: "F1 cao nhất", precision: (x) => `độ chính xác ${x}`, recall: (x) => `độ bao phủ ${x}` },
    changes: (more, fewer) => `Thêm ${number(more)} nhãn, bớt ${number(fewer)} nhãn so với mặc định.`,
    noChanges: "Không có gì khác so với mặc định.",
    filtered: (shown, all) => `${number(shown)} trong ${number(all)} câu`,
    pillars: {
      "political-security": "Chính trị - an ninh",
      economic: "Kinh tế",
      sustainability: "Phát triển bền vững",
      "socio-cultural": "Văn hóa - xã hội",
      "cross-pillar": "Liên trụ cột",
      "": "Không thuộc trụ cột",
    },
    countOf: (area, n) => `${area}: ${number(n)} câu`,
    countOfBoth: (area, a, b) => `${area}: ${number(a)} câu ở bài A, ${number(b)} câu ở bài B`,
    only: (name) => `chỉ ${name}`,
    inBoth: "Ở cả hai bài",
    onlyIn: (name) => `Chỉ ở bài ${name}`,
    noArea: "không có",
    tagging: (share) => `Đang gắn nhãn: đã đọc ${share}.`,
    done: (all, tagged, uncertain) => `${number(all)} câu, ${number(tagged)} câu có lĩnh vực, ${number(uncertain)} câu chưa chắc chắn.`,
    stopped: (all) => `Đã dừng sau ${number(all)} câu.`,
    noSentence: "Văn bản không có câu nào.",
    readingFile: (name) => `Đang đọc ${name} …`,
    waiting: (seconds) => `Máy chủ đang bận; thử lại sau ${number(seconds)} giây.`,
    uncertain: "chưa chắc chắn: cần đọc lại",
    truncated: "quá dài: phần cuối chưa được đọc",
    forced: "bị cắt vì quá dài",
    unsupported: (code) => `mô hình không hỗ trợ ngôn ngữ này (${code}): chỉ để tham khảo`,
    failed: "không gắn nhãn được",
    corrected: "đã sửa",
    confirmed: "đã xác nhận",
    added: "thêm:",
    lost: "không còn:",
    edit: "sửa",
    editSentence: (n) => `sửa lĩnh vực của câu ${number(n)}`,
    undo: "hoàn tác",
    undoSentence: (n) => `hoàn tác chỉnh sửa của câu ${number(n)}`,
    closeDetails: "Đóng chi tiết",
    score: "Điểm",
    without: "Khi bỏ các từ được đánh dấu",
    appliedThreshold: "Ngưỡng",
    explaining: "Đang tìm những từ làm căn cứ …",
    noEvidence: "Không có từ cụ thể nào làm căn cứ.",
    definition: "Định nghĩa",
    inEnglish: "(tiếng Anh)",
    nearest: "Các câu mẫu tương tự nhất",
    noNearest: "Không có câu mẫu nào tương tự.",
    similarity: (x) => `độ tương đồng ${x}`,
    about: (name, version, areas, languages) =>
      `cooptag ${version}, mô hình ${name}: ${areas} lĩnh vực, ${languages} ngôn ngữ. Không lưu lại nội dung nào.`,
    empty: "Chưa có văn bản: hãy dán một bài viết, kéo thả một tệp hoặc chọn ví dụ.",
    tooLong: (n, most) => `Văn bản có ${number(n)} ký tự; máy chủ chỉ nhận tối đa ${number(most)}. Hãy rút ngắn hoặc chia nhỏ.`,
    tooLarge: (name, most) => `${name} vượt quá giới hạn ${number(Math.floor(most / 1e6))} MB của máy chủ. Hãy chọn tệp nhỏ hơn.`,
    wrongFile: (name) => `Không đọc được ${name}; hãy chọn tệp .txt, .html, .docx hoặc .pdf.`,
    emptyFile: (name) => `${name} không có văn bản.`,
    badFile: "Máy chủ không đọc được tệp này; có thể tệp bị hỏng, bị mã hóa hoặc chỉ là ảnh quét.",
    slowFile: "Đọc tệp này mất quá nhiều thời gian; hãy chọn tệp nhỏ hơn hoặc dán văn bản.",
    offline: "Không kết nối được với máy chủ. Văn bản của bạn vẫn còn; hãy thử lại.",
    broken: "Kết nối bị ngắt. Những câu đã gắn nhãn vẫn còn; hãy thử lại.",
    status401: "Máy chủ yêu cầu khóa truy cập.",
    status413: "Văn bản quá lớn đối với máy chủ này. Hãy rút ngắn hoặc chia nhỏ.",
    status415: "Máy chủ không nhận loại tệp này.",
    status422: "Máy chủ không nhận văn bản này.",
    status429: "Máy chủ đang bận. Hãy đợi một chút rồi thử lại.",
    status503: "Máy chủ chưa sẵn sàng. Hãy đợi một chút rồi thử lại.",
    status504: "Máy chủ xử lý quá lâu. Hãy thử lại, hoặc dùng văn bản ngắn hơn.",
    statusOther: (status) => `Máy chủ gặp lỗi (${status}). Hãy thử lại.`,
  },
};
const STORED = "cooptag-language";
let language = remembered() ?? (navigator.language.toLowerCase().startsWith("vi") ? "vi" : "en");

function remembered() {
  try {
    const stored = localStorage.getItem(STORED);
    return stored in WORDS ? stored : null;
  } catch {
    return null; // storage may be switched off
  }
}

/** @returns {"vi"|"en"} the language of the page */
export function pageLanguage() {
  return language;
}

/** @param {"vi"|"en"} lang the language that the page speaks from now on; it is remembered where the browser allows it */
export function setPageLanguage(lang) {
  language = lang;
  try {
    localStorage.setItem(STORED, lang);
  } catch {
    // then it is not remembered
  }
}

/** @returns {string} the words of a key; `details` are what they are about, such as a number */
export function word(key, ...details) {
  const found = WORDS[language][key];
  return typeof found === "function" ? found(...details) : found;
}

/** @returns {string} a number as the page's language writes it, with so many digits after the point */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @returns {string} a share in [0, 1] as a whole percentage */
export function percent(share) {
  return share.toLocaleString(language, { style: "percent" });
}

/** @returns {string} what a goal such as "precision=0.9" is called */
export function goalName(goal) {
  const [kind, value] = goal.split("=");
  const aim = word("goalAim")[kind];
  const name = word("goalName")[kind] ?? goal;
  return aim ? `${name} (${typeof aim === "function" ? aim(number(Number(value), 1)) : aim})` : name;
}

/** Puts the words of the page's language into every element below `root` that names its words. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of root.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
  for (const node of root.querySelectorAll("[data-placeholder]")) node.placeholder = word(node.dataset.placeholder);
}
