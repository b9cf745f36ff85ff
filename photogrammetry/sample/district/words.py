"""Names that stand in the district. Villages and towns are real; streets, firms and people are made up."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭鲁韦马苗方俞任袁柳史唐费"
)
GIVEN = "甲乙丙丁戊己庚辛壬癸"  # no family names its children so: these people do not exist
ROAD_FIRST = (
    "宁文武安福永兴新东西南北中长太平和顺德仁义礼智信诚明光华昌盛富强民胜利建设振朝春秋金银玉翠青碧云龙凤鹤松柏竹梅"
)
ROAD_SECOND = "海山河泉林园桥港湾岭川原野城门台阁苑庄田源泽荣祥瑞康宁泰顺达通安乐"
COMPOUND_SECOND = ("花园", "家园", "小区", "新城", "嘉苑", "华府", "公寓", "雅居")
SHOP_WORDS = "金海福源泰和顺达宏远德润鑫盛佳美康乐万隆恒通瑞丰"
TRADES = (
    "餐饮",
    "百货",
    "五金",
    "服装",
    "水产",
    "建材",
    "药房",
    "理发",
    "物流",
    "软件",
    "广告",
    "培训",
    "烘焙",
    "果蔬",
    "家电",
    "汽修",
)
FIRM_ENDINGS = ("有限公司", "有限责任公司", "股份有限公司", "商贸有限公司", "科技有限公司")
INSTITUTIONS = (
    "实验小学",
    "第一中学",
    "中心幼儿园",
    "中心卫生院",
    "人民医院",
    "文化馆",
    "图书馆",
    "敬老院",
    "农技站",
    "环卫所",
)
ORGANS = ("人民法院", "税务局", "财政局", "民政局", "统计局", "信访局", "司法局", "审计局")
SOCIAL = ("商会", "老年协会", "书画协会", "志愿者协会", "民办幼儿园", "养老服务中心")

Text = Any  # pa.Array of strings


def text(values: Any) -> Text:
    """Make an Arrow array of texts from numbers, texts or NumPy strings."""
    array = pa.array(values) if not isinstance(values, (pa.Array, pa.ChunkedArray)) else values
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def pick(words: Any, index: Any) -> Text:
    """Take words by index, (N,) int."""
    return text(words).take(pa.array(np.asarray(index)))


def draw(random: np.random.Generator, words: Any, count: int) -> Text:
    """Draw `count` words, each as likely."""
    return pick(list(words), random.integers(0, len(words), count))


def join(*parts: Any) -> Text:
    """Join texts row by row; a plain string stands in every row."""
    return pc.binary_join_element_wise(*parts, "")


def choose(where: Any, yes: Any, no: Any) -> Text:
    """Take `yes` where the mask (N,) bool is true, else `no`; either may be a plain string."""
    return pc.if_else(pa.array(np.asarray(where)), yes, no)


def padded(numbers: Any, width: int) -> Text:
    """Write whole numbers with leading zeros."""
    return pc.utf8_lpad(text(np.asarray(numbers)), width=width, padding="0")


def fixed(numbers: Any, decimals: int) -> Text:
    """Write non-negative numbers with a fixed number of decimals."""
    whole = np.rint(np.asarray(numbers, np.float64) * 10**decimals).astype(np.int64)
    return join(text(whole // 10**decimals), ".", padded(whole % 10**decimals, decimals))


def person_names(random: np.random.Generator, count: int) -> Text:
    """Draw names that are plainly made up."""
    return join(draw(random, SURNAMES, count), draw(random, GIVEN, count), draw(random, GIVEN, count))


def phone_numbers(random: np.random.Generator, count: int) -> Text:
    """Draw 11-digit numbers of a prefix that no operator uses (129)."""
    return join("129", padded(random.integers(0, 10**8, count), 8))


def dates(random: np.random.Generator, count: int, first: str, last: str, form: str = "%Y-%m-%d") -> Text:
    """Draw days between two days. form: as strftime."""
    days = _days(first, last, form)
    return pick(days, random.integers(0, len(days), count))


def times(random: np.random.Generator, count: int, first: str, last: str) -> Text:
    """Draw moments between two days, most of them by day: 2026-03-01 09:30."""
    day = dates(random, count, first, last)
    minute = np.clip(random.normal(780, 210, count), 0, 1439).astype(np.int64)
    return join(day, " ", pick([f"{at // 60:02d}:{at % 60:02d}" for at in range(1440)], minute))


def _days(first: str, last: str, form: str) -> list[str]:
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [(start + dt.timedelta(days=at)).strftime(form) for at in range((end - start).days + 1)]
