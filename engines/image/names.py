"""What things are called, in English and Chinese, and how large they are: from Unicode CLDR's names and keywords of emoji."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("names.json")

# How high or wide a thing of each kind is, in metres, as one would draw it: what stands beside what must look right, not be right.
SIZES = {
    "face-smiling": 1.0, "animal-mammal": 1.0, "animal-bird": 0.5, "animal-amphibian": 0.2, "animal-reptile": 0.8, "animal-marine": 1.0,
    "animal-bug": 0.12, "plant-flower": 0.4, "plant-other": 1.2, "food-fruit": 0.2, "food-vegetable": 0.25, "food-prepared": 0.3,
    "food-asian": 0.3, "food-sweet": 0.3, "drink": 0.25, "dishware": 0.3, "place-map": 1.0, "place-geographic": 30.0, "place-building": 8.0,
    "place-religious": 12.0, "place-other": 10.0, "transport-ground": 3.0, "transport-water": 6.0, "transport-air": 8.0, "hotel": 0.5, "time": 0.3,
    "sky-weather": 6.0, "event": 0.6, "award-medal": 0.3, "sport": 0.3, "game": 0.3, "arts-crafts": 0.4, "clothing": 0.5, "sound": 0.3,
    "music": 0.4, "musical-instrument": 0.8, "phone": 0.2, "computer": 0.5, "light-video": 0.5, "book-paper": 0.3, "money": 0.3, "mail": 0.4,
    "writing": 0.2, "office": 0.3, "lock": 0.2, "tool": 0.4, "science": 0.4, "medical": 0.3, "household": 1.2, "other-object": 0.8,
    "person": 1.7, "family": 1.8, "cat-face": 0.4, "monkey-face": 0.6, "heart": 0.4,
}  # fmt: skip
PERSON = 1.7  # of kinds of people that the table does not name
THING = 0.8  # of what is in no kind
LARGE = {
    "elephant": 3.5, "giraffe": 4.5, "whale": 12.0, "spouting whale": 12.0, "horse": 2.0, "cow": 1.8, "bear": 1.8, "rhinoceros": 2.5, "hippopotamus": 2.2, "camel": 2.4,
    "mouse": 0.12, "rat": 0.2, "hamster": 0.12, "rabbit": 0.35, "cat": 0.4, "dog": 0.6, "ant": 0.08, "snail": 0.1, "mountain": 60.0, "mount fuji": 80.0, "volcano": 60.0,
    "evergreen tree": 7.0, "deciduous tree": 7.0, "palm tree": 7.0, "Christmas tree": 3.0, "cactus": 1.5, "bicycle": 1.6, "ship": 20.0, "passenger ship": 20.0,
    "sailboat": 6.0, "canoe": 3.0, "airplane": 20.0, "rocket": 12.0, "locomotive": 6.0, "house": 7.0, "castle": 20.0, "moon": 8.0, "sun": 6.0, "star": 2.0,
    "umbrella": 1.0, "snowman": 1.5, "door": 2.1, "piano": 1.5, "couch and lamp": 2.0, "bed": 2.0, "window": 1.2, "penguin": 0.9, "owl": 0.5, "robot": 1.6, "pumpkin": 0.4,
}  # fmt: skip
PLAIN = {
    "桌子": "table", "苹果": "apple", "月亮": "moon", "月球": "moon", "沙发": "sofa", "树": "tree", "大树": "tree", "树木": "tree", "森林": "forest", "房子": "house", "小屋": "hut",
    "汽车": "car", "车": "car", "船": "boat", "小船": "boat", "帆船": "sailboat", "海": "sea", "大海": "sea", "海洋": "sea", "沙滩": "beach", "海滩": "beach", "河": "river", "湖": "lake",
    "山": "mountain", "大山": "mountain", "小山": "hill", "花": "flower", "花瓶": "vase", "灯": "lamp", "台灯": "desk lamp", "书": "book", "杯子": "cup", "茶": "tea", "咖啡": "coffee",
    "猫": "cat", "狗": "dog", "小猫": "kitten", "小狗": "puppy", "马": "horse", "牛": "cow", "羊": "sheep", "猪": "pig", "鸟": "bird", "小鸟": "bird", "鱼": "fish", "兔子": "rabbit", "熊": "bear",
    "龙": "dragon", "大象": "elephant", "狮子": "lion", "老虎": "tiger", "猴子": "monkey", "鸭子": "duck", "鸡": "chicken", "蝴蝶": "butterfly", "蜜蜂": "bee", "蘑菇": "mushroom",
    "星星": "star", "太阳": "sun", "云": "cloud", "雨": "rain", "雪人": "snowman", "彩虹": "rainbow", "火": "fire", "帽子": "hat", "皇冠": "crown", "王冠": "crown", "剑": "sword", "盾": "shield", "盾牌": "shield",
    "椅子": "chair", "床": "bed", "门": "door", "窗户": "window", "桥": "bridge", "城堡": "castle", "教堂": "church", "灯塔": "lighthouse", "风车": "windmill", "岛": "island", "火山": "volcano",
    "飞机": "airplane", "火箭": "rocket", "火车": "train", "自行车": "bicycle", "气球": "balloon", "热气球": "hot air balloon", "雨伞": "umbrella", "伞": "umbrella", "机器人": "robot", "吉他": "guitar",
    "钢琴": "piano", "小提琴": "violin", "蛋糕": "cake", "披萨": "pizza", "面包": "bread", "香蕉": "banana", "葡萄": "grapes", "南瓜": "pumpkin", "仙人掌": "cactus", "钥匙": "key", "钟": "clock", "心": "heart",
    "女孩": "girl", "男孩": "boy", "人": "person", "手": "hand", "蜡烛": "candle", "帐篷": "tent", "叶子": "leaf", "树叶": "leaf", "海龟": "turtle", "乌龟": "turtle", "企鹅": "penguin", "猫头鹰": "owl",
}  # fmt: skip  # words that CLDR uses for something narrower, or not at all
FLYING = frozenset(
    "bird dove eagle bat butterfly honeybee balloon airplane helicopter rocket kite parachute sun moon star cloud rainbow comet dragon "
    "crow owl parrot bee".split()
)


@dataclass(frozen=True)
class Name:
    """Something that has a name: `words` are other ones for it, in English."""

    name: str
    words: tuple[str, ...]
    zh: tuple[str, ...]
    kind: str  # CLDR's subgroup

    @property
    def size(self) -> float:
        """Metres."""
        return LARGE.get(self.name) or SIZES.get(self.kind) or (PERSON if self.kind.startswith("person") else THING)

    @property
    def flies(self) -> bool:
        return self.kind in ("sky-weather", "transport-air") or not FLYING.isdisjoint(self.name.split())


@cache
def table() -> tuple[Name, ...]:
    """All names, in CLDR's order."""
    return tuple(Name(name, tuple(words), tuple(zh), kind) for name, words, zh, kind in json.loads(TABLE.read_text("utf-8")))


@cache
def english() -> dict[str, tuple[tuple[Name, float], ...]]:
    """Every English word or name in lower case -> what it may mean, the surest first: 1 its name, less a word of it or a keyword."""
    found: dict[str, dict[Name, float]] = {}
    for name in table():
        said, person = name.name.lower(), name.kind.startswith(("person", "family", "face"))
        parts = [part for part in said.replace("-", " ").split() if len(part) > 2]
        sure = [(said, 1.0), *((part, 0.45 if person else 0.8 if part == parts[-1] else 0.5) for part in parts)]
        for word, trust in [*sure, *((word.lower(), 0.4 if person else 0.6) for word in name.words)]:
            means = found.setdefault(word, {})
            means[name] = max(trust, means.get(name, 0.0))
    return {word: tuple(sorted(means.items(), key=lambda each: (-each[1], len(each[0].name)))) for word, means in found.items()}


@cache
def chinese() -> dict[str, tuple[Name, ...]]:
    """Every Chinese word -> what it may mean, the surest first."""
    found: dict[str, list[tuple[float, Name]]] = {word: [(0.0, Name(other, (), (word,), ""))] for word, other in PLAIN.items()}
    for name in table():
        person = name.kind.startswith(("person", "family", "face"))
        for at, word in enumerate(name.zh):
            found.setdefault(word, []).append((1.0 if at == 0 else 2.5 if person else 2.0, name))
    return {word: tuple(name for _, name in sorted(means, key=lambda each: (each[0], len(each[1].name)))) for word, means in found.items()}
