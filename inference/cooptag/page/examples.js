/** The articles of the example buttons. The meetings are made up. */

const vi = [
  "Việt Nam và Chile họp Ủy ban hợp tác lần thứ tám",
  "",
  "Sáng 12/6, tại Hà Nội, hai Thứ trưởng Ngoại giao đồng chủ trì kỳ họp thứ tám của Ủy ban hợp tác Việt Nam – Chile.",
  "Hai bên nhất trí sớm rà soát Hiệp định thương mại tự do song phương, mở cửa thị trường cho trái cây và thủy sản của nhau, " +
    "và hỗ trợ doanh nghiệp nhỏ tham gia chuỗi cung ứng. Phía Chile đề nghị chia sẻ kinh nghiệm phát triển điện mặt trời và " +
    "hydro xanh; Việt Nam mong nhận thêm học bổng sau đại học về khai khoáng bền vững.",
  "Trước các trận động đất và sóng thần gần đây, hai bên sẽ nối hệ thống cảnh báo sớm của hai nước và diễn tập chung vào " +
    "năm tới. Hai Thứ trưởng cũng trao đổi về tình hình khu vực.",
  "Kết thúc kỳ họp, hai bên ký chương trình giao lưu văn hóa giai đoạn 2025–2027.",
];
const en = [
  "Kenya and Viet Nam set priorities for three years",
  "",
  "The foreign ministers of Kenya and Viet Nam met in Nairobi on Tuesday and exchanged views on matters of mutual interest.",
  "They agreed to negotiate a double taxation agreement, to cut red tape for coffee and tea exporters, and to open a direct air " +
    "link by 2026. Police forces of the two countries will share information on wildlife trafficking and online fraud.",
  "Viet Nam offered training for rice breeders and community health workers; Kenya will host a regional workshop on mobile payments.",
  "Both sides pledged to restore mangrove forests along their coasts and to speak with one voice on climate finance. The ministers " +
    "thanked their staff for the warm preparation of the visit.",
];
export const EXAMPLES = { vi: vi.join("\n"), en: en.join("\n") };
