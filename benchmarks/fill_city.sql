-- The synthetic city of benchmarks/fill_city.py, step by step; a step begins with "-- step: name". Everything follows
-- from the seeds. The district is a square of 60 x 60 unit grids of 667 m in EPSG:4550; towns and villages are runs of
-- grids along a Hilbert curve, under the names and codes of the shipped register. Rows are written in Hilbert order
-- (PostGIS sorts geometries so).

-- step: places
SELECT setseed(0.11);
CREATE SCHEMA bench;
CREATE TABLE bench.cell AS
SELECT c.*, row_number() OVER (ORDER BY ST_Centroid(m)) AS place, ST_Transform(m, 4490) AS g
FROM (SELECT col, row, ST_MakeEnvelope(376000 + col * 667.0, 4119000 + row * 667.0, 376667 + col * 667.0,
                                       4119667 + row * 667.0, 4550) AS m
      FROM generate_series(0, 59) col, generate_series(0, 59) row) c;
ALTER TABLE bench.cell ADD village integer, ADD grid_id integer;
WITH village AS (
  SELECT v.admin_id, row_number() OVER (ORDER BY v.code) AS n, count(*) OVER () AS villages
  FROM twin.admin_unit v WHERE v.level = 5)
UPDATE bench.cell c SET village = v.admin_id
FROM village v WHERE v.n = 1 + (c.place - 1) * v.villages / 3600;
UPDATE twin.admin_unit u SET geom = s.g, geom_m = s.m, valid_from = '2020-01-01'
FROM (SELECT village, ST_Multi(ST_Union(g)) AS g, ST_Multi(ST_Union(m)) AS m FROM bench.cell GROUP BY 1) s
WHERE u.admin_id = s.village;
UPDATE twin.admin_unit u SET geom = s.g, geom_m = s.m, valid_from = '2020-01-01'
FROM (SELECT parent_id, ST_Multi(ST_Union(geom)) AS g, ST_Multi(ST_Union(geom_m)) AS m FROM twin.admin_unit
      WHERE level = 5 AND geom IS NOT NULL GROUP BY 1) s WHERE u.admin_id = s.parent_id;
UPDATE twin.admin_unit u SET geom = s.g, geom_m = s.m, valid_from = '2020-01-01'
FROM (SELECT parent_id, ST_Multi(ST_Union(geom)) AS g, ST_Multi(ST_Union(geom_m)) AS m FROM twin.admin_unit
      WHERE level = 4 AND geom IS NOT NULL GROUP BY 1) s WHERE u.admin_id = s.parent_id;
INSERT INTO twin.grid (code, admin_id, name_zh, geom, geom_m, valid_from)
SELECT u.code || lpad(row_number() OVER (PARTITION BY c.village ORDER BY c.row DESC, c.col)::text, 3, '0'), c.village,
       u.name_zh || row_number() OVER (PARTITION BY c.village ORDER BY c.row DESC, c.col) || '号网格', c.g, c.m, '2020-01-01'
FROM bench.cell c JOIN twin.admin_unit u ON u.admin_id = c.village;
UPDATE bench.cell c SET grid_id = g.grid_id FROM twin.grid g WHERE g.geom_m && ST_Centroid(c.m) AND ST_Covers(g.geom_m, ST_Centroid(c.m));
ALTER TABLE bench.cell ADD PRIMARY KEY (col, row);

INSERT INTO twin.department (code, name_zh, name_en)
SELECT 'D' || lpad(n::text, 2, '0'), '区' || (ARRAY['住建','城管','市场','公安','民政','交通','水务','园林','环保','消防'])[1 + n % 10]
       || (ARRAY['一','二','三','四','五','六'])[1 + n / 10] || '局', 'Department ' || n FROM generate_series(0, 59) n;
INSERT INTO twin.batch (department_id, target, file, file_sha256, state)
SELECT department_id, target, code || '_' || target || '.gpkg', md5(code || target) || md5(target), 'done'
FROM twin.department, unnest(ARRAY['asset', 'building', 'address', 'entity', 'record']) target;
CREATE TABLE bench.batch AS SELECT target, array_agg(batch_id ORDER BY batch_id) AS ids FROM twin.batch GROUP BY 1;

CREATE TABLE bench.class AS
SELECT class_id, code, geometry_kind, name_zh,
       sum(share) OVER (ORDER BY class_id) - share AS low, sum(share) OVER (ORDER BY class_id) AS high
FROM (SELECT *, (1 / power(rank, 1.1)) / sum(1 / power(rank, 1.1)) OVER () AS share
      FROM (SELECT *, row_number() OVER (ORDER BY code NOT IN ('0118', '0102', '0402'), md5(code)) AS rank FROM twin.class) k) s;
CREATE FUNCTION bench.pick(text[]) RETURNS text LANGUAGE sql VOLATILE AS
  $$ SELECT $1[1 + floor(random() * cardinality($1))::integer] $$;
CREATE FUNCTION bench.gauss() RETURNS float8 LANGUAGE sql VOLATILE AS
  $$ SELECT sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) $$;
CREATE TABLE bench.lane (lane_id integer, name text, east float8, north float8, dx float8, dy float8, length_m float8);

-- step: lanes
SELECT setseed(0.12);
INSERT INTO bench.lane
SELECT n, NULL, least(414500, greatest(376500, CASE WHEN town THEN 396000 + (centre - 4) * 4300 + bench.gauss() * 1800 ELSE 376500 + random() * 38000 END)),
       least(4157500, greatest(4119500, CASE WHEN town THEN 4139000 + ((centre * 5) % 8 - 4) * 4300 + bench.gauss() * 1800
                                             ELSE 4119500 + random() * 38000 END)),
       CASE WHEN n % 2 = 0 THEN 1 ELSE 0 END, n % 2, 300 + random() * 1200
FROM (SELECT n, random() < 0.75 AS town, floor(random() * 8)::integer AS centre
      FROM generate_series((SELECT count(*) FROM bench.lane)::integer + 1, :lanes) n OFFSET 0) s;
-- No two streets of a district have names that sound alike (地名管理条例): one street for each pair of characters.
WITH names AS (
  SELECT name, row_number() OVER (ORDER BY md5(name)) AS n FROM (
    SELECT a || b || (ARRAY['路', '大街', '街', '巷'])[1 + (x * 7 + y) % 4] AS name
    FROM unnest(string_to_array('正 阳 北 南 东 西 滨 海 文 化 兴 政 通 新 华 金 银 玉 龙 凤 宁 永 安 富 康 和 平 建 设 工 商 学 府 宾 贵 昌 盛 祥 瑞 福 青 松 柏 竹 梅 兰 菊 春 秋 晨 星 云 泰 山 河 江 湖 泉 石 桥 塔 寺 观 仙 圣 贤 德 仁 义 礼 智 信 忠 孝 勤 朴 诚 毅 志 远 高 长 广 大 天 人', ' ')) WITH ORDINALITY AS s (a, x),
         unnest(string_to_array('关 阳 海 山 河 州 城 昌 泰 隆 源 林 泉 台 湖 港 桥 园 门 景 苑 盛 华 安 丰 和 辉 明 光 达 庄 沟 岭 口 湾 岛 屯 甸 营 寨 堡 店 铺 集 坡 塘 溪 涧 崖 峰 谷 原 野 田 圃 院 馆 楼 亭 阁', ' ')) WITH ORDINALITY AS t (b, y)
    WHERE a <> b) s)
UPDATE bench.lane l SET name = names.name FROM names WHERE names.n = l.lane_id AND l.lane_id <= 1500 AND l.name IS NULL;

-- step: buildings
SELECT setseed(0.13);
CREATE TABLE bench.slot AS
SELECT row_number() OVER (ORDER BY m) AS n, s.* FROM (
  SELECT name, number, m, ST_X(m) AS x, ST_Y(m) AS y, dx,
         floor((ST_X(m) - 376000) / 667)::integer AS col, floor((ST_Y(m) - 4119000) / 667)::integer AS row
  FROM (SELECT l.name, k AS number, l.dx,
               ST_SetSRID(ST_MakePoint(l.east + l.dx * k * 4 + l.dy * (k % 2 * 36 - 18),
                                       l.north + l.dy * k * 4 + l.dx * (k % 2 * 36 - 18)), 4550) AS m
        FROM bench.lane l, generate_series(1, (l.length_m / 4)::integer) k WHERE l.name IS NOT NULL) p
  ORDER BY random() LIMIT :buildings) s WHERE col BETWEEN 0 AND 59 AND row BETWEEN 0 AND 59;
CREATE INDEX ON bench.slot (n);
INSERT INTO twin.evidence (kind, batch_id, file, row_no, confidence)
SELECT 'delivery', b.ids[1 + s.n % 60], 'buildings.gpkg', s.n, 0.9 FROM bench.slot s, bench.batch b WHERE b.target = 'building' ORDER BY s.n;
INSERT INTO twin.building (code, name_zh, use_zh, storeys, admin_id, grid_id, geom, geom_m, lod, ground_h_m, roof_h_m, height_m,
                           height_sigma_m, vertical_datum, height_confidence, footprint_evidence_id, height_evidence_id,
                           source_key, batch_id, valid_from)
SELECT '370612001' || lpad(s.n::text, 8, '0'),
       CASE WHEN random() < 0.3 THEN bench.pick('{阳光,东方,金海,滨江,翠竹,锦绣,紫荆,海韵,御景,书香,春晖,华庭,碧水,云山,向阳,和顺,丽水,银杏,枫林,天悦}')
         || bench.pick('{花园,家园,小区,公寓,新城,名苑,佳苑,华府,广场,大厦}') || (1 + s.n % 400) || '号楼' END,
       bench.pick('{住宅,商业,办公,工业,教育}'), 1 + (random() * 20)::integer, c.village, c.grid_id,
       ST_Transform(ST_Multi(f.m), 4490), ST_Multi(f.m), 'LoD1.2', 20, 38, 18, 0.3, 'EPSG:5737', 'high',
       e.first + s.n, e.first + s.n, s.n::text, b.ids[1 + s.n % 60], '2021-01-01'
FROM bench.slot s JOIN bench.cell c USING (col, row), bench.batch b,
     (SELECT max(evidence_id) - (SELECT count(*) FROM bench.slot) AS first FROM twin.evidence) e,
     LATERAL (SELECT ST_MakeEnvelope(x - w, y - h, x + w, y + h, 4550) AS m
              FROM (SELECT CASE dx WHEN 1 THEN 3.6 ELSE 4 + random() * 6 END AS w,
                           CASE dx WHEN 1 THEN 4 + random() * 6 ELSE 3.6 END AS h) size) f
WHERE b.target = 'building' ORDER BY s.n;
INSERT INTO twin.evidence (kind, batch_id, file, row_no, confidence)
SELECT 'delivery', b.ids[1 + s.n % 60], 'addresses.csv', s.n, 0.9 FROM bench.slot s, bench.batch b WHERE b.target = 'address' ORDER BY s.n;
INSERT INTO twin.address (code, text_zh, normalised, components, admin_id, grid_id, building_id, geom, geom_m, source_key,
                          batch_id, evidence_id, valid_from)
SELECT 'DZ' || lpad(s.n::text, 7, '0'), t.text, t.text,
       jsonb_build_object('district', '牟平区', 'town', town.name_zh, 'road', s.name, 'number', s.number || '号'),
       c.village, c.grid_id, bd.first + s.n, ST_Transform(s.m, 4490), s.m, s.n::text, b.ids[1 + s.n % 60], e.first + s.n, '2021-01-01'
FROM bench.slot s JOIN bench.cell c USING (col, row) JOIN twin.admin_unit v ON v.admin_id = c.village
  JOIN twin.admin_unit town ON town.admin_id = v.parent_id,
  LATERAL (SELECT '牟平区' || town.name_zh || s.name || s.number || '号' AS text) t, bench.batch b,
  (SELECT max(evidence_id) - (SELECT count(*) FROM bench.slot) AS first FROM twin.evidence) e,
  (SELECT min(building_id) - 1 AS first FROM twin.building) bd
WHERE b.target = 'address' ORDER BY s.n;

-- step: assets
SELECT setseed(0.14);
CREATE TEMP TABLE drawn AS
SELECT n, l.name, random() AS of_class, ST_SetSRID(ST_MakePoint(
         least(416015, l.east + l.dx * t * l.length_m + l.dy * side + wild * (random() - 0.5) * 3000),
         least(4159015, l.north + l.dy * t * l.length_m + l.dx * side + wild * (random() - 0.5) * 3000)), 4550) AS m
FROM (SELECT n, 1 + floor(random() * :lanes)::integer AS lane_id, random() AS t, (random() - 0.5) * 24 AS side,
             CASE WHEN random() < 0.15 THEN 1 ELSE 0 END AS wild
      FROM generate_series((SELECT count(*) FROM twin.asset) + 1, :assets) n OFFSET 0) s JOIN bench.lane l USING (lane_id);
CREATE TEMP TABLE placed AS
SELECT row_number() OVER (ORDER BY d.m) + (SELECT count(*) FROM twin.asset) AS n, d.name, d.m, k.class_id, k.code,
       k.geometry_kind, k.name_zh, c.village, c.grid_id
FROM drawn d JOIN bench.class k ON d.of_class >= k.low AND d.of_class < k.high
  JOIN bench.cell c ON c.col = floor((ST_X(d.m) - 376000) / 667)::integer AND c.row = floor((ST_Y(d.m) - 4119000) / 667)::integer;
DROP TABLE drawn;
-- Assets beyond the first million share its evidence.
CREATE TEMP TABLE first AS SELECT coalesce((SELECT min(evidence_id) FROM twin.asset), max(evidence_id) + 1) AS evidence,
  least((SELECT count(*) FROM placed) + (SELECT count(*) FROM twin.asset), 1000000) AS n FROM twin.evidence;
INSERT INTO twin.evidence (kind, batch_id, file, row_no, confidence)
SELECT 'delivery', b.ids[1 + n % 60], 'assets.gpkg', n, 0.9 FROM placed, bench.batch b
WHERE b.target = 'asset' AND n <= 1000000 AND NOT EXISTS (SELECT FROM twin.asset);
INSERT INTO twin.asset (class_id, code, name_zh, state, geom, geom_m, height_m, height_sigma_m, vertical_datum, attributes,
                        accuracy_class, supervising_department_id, owning_department_id, maintaining_department_id,
                        admin_id, grid_id, source_key, batch_id, evidence_id, valid_from)
SELECT p.class_id, (370612 + p.n / 1000000)::text || p.code || lpad((p.n % 1000000)::text, 6, '0'),
       CASE WHEN p.name IS NOT NULL AND random() < 0.3 THEN p.name || p.n % 1000 || '号' || p.name_zh END,
       CASE WHEN random() < 0.93 THEN '完好' ELSE bench.pick('{破损,丢失,废弃}') END,
       ST_Transform(shape.m, 4490), shape.m, 21, 0.1, 'EPSG:5737',
       jsonb_build_object('材质', bench.pick('{铸铁,混凝土,不锈钢}'), '规格', (p.n % 7)::text), 'B',
       1 + p.class_id % 60, 1 + p.n % 60, 1 + p.n % 59, p.village, p.grid_id, p.n::text, b.ids[1 + p.n % 60],
       f.evidence + p.n % f.n, '2018-01-01'::timestamptz + random() * interval '8 years'
FROM placed p, bench.batch b, first f,
  LATERAL (SELECT CASE p.geometry_kind WHEN 'line' THEN ST_MakeLine(p.m, ST_Translate(p.m, 12, 5))
                                       WHEN 'polygon' THEN ST_Expand(p.m, 3) ELSE p.m END AS m) shape
WHERE b.target = 'asset';
DROP TABLE placed, first;

-- step: entities
SELECT setseed(0.15);
INSERT INTO twin.evidence (kind, batch_id, file, row_no, confidence)
SELECT 'delivery', b.ids[1 + n % 60], 'entities.csv', n, 0.9 FROM generate_series(1, :entities) n, bench.batch b WHERE b.target = 'entity';
INSERT INTO twin.entity (type_code, code, public_name_zh, building_id, address_id, admin_id, grid_id, geom, geom_m, department_id,
                         batch_id, evidence_id, valid_from)
SELECT CASE WHEN firm THEN 'E05' ELSE bench.pick('{E02,E02,E02,E03}') END, 'ENT-' || n,
       CASE WHEN firm THEN bench.pick('{牟平区,烟台市牟平区,"",烟台}') || bench.pick('{恒,鑫,宏,瑞,海,金,佳,盛,天,永,润,顺,泰,隆,华,东,百,万,德,嘉}')
         || bench.pick('{达,源,泰,丰,兴,茂,诚,信,通,利,发,旺,和,美,昌,成,业,捷,洋,岳}') || bench.pick('{"","","",联,创,科,汇,远}')
         || bench.pick('{商贸,建材,餐饮,物流,电子,服饰,机械,食品,装饰,广告,物业,水产,果业,汽修,药房,宾馆,超市,培训,咨询,家政}')
         || bench.pick('{有限公司,有限公司,店,中心,有限责任公司}') END,
       b.building_id, a.address_id, b.admin_id, b.grid_id, a.geom, a.geom_m, 1 + n % 60, bt.ids[1 + n % 60], e.first + n, '2021-01-01'
FROM (SELECT n, random() < 0.17 AS firm, 1 + floor(power(random(), 1.3) * (SELECT count(*) FROM twin.building))::bigint AS at
      FROM generate_series(1, :entities) n OFFSET 0) s
  JOIN twin.building b ON b.building_id = s.at + (SELECT min(building_id) - 1 FROM twin.building)
  JOIN twin.address a ON a.address_id = s.at + (SELECT min(address_id) - 1 FROM twin.address), bench.batch bt,
  (SELECT max(evidence_id) - :entities AS first FROM twin.evidence) e
WHERE bt.target = 'entity' ORDER BY s.n;
-- No names or phones: only a process that has the keys can seal them, and this is SQL.
INSERT INTO private.entity (entity_id, department_id, grid_id) SELECT entity_id, department_id, grid_id
FROM twin.entity WHERE public_name_zh IS NULL;

-- step: records
SELECT setseed(0.16);
INSERT INTO twin.evidence (kind, batch_id, file, row_no, confidence)
SELECT 'delivery', b.ids[1 + n % 60], 'records.xlsx', n, 0.9 FROM generate_series(1, :records) n, bench.batch b WHERE b.target = 'record';
INSERT INTO twin.record (department_id, kind, source_key, title_zh, recorded_at, state, attributes, address_given, geom, geom_m,
                         admin_id, grid_id, batch_id, evidence_id, valid_from)
SELECT 1 + n % 60, bench.pick('{business_licence,repair_order,fire_inspection,permit,complaint,patrol}'), n::text,
       bench.pick('{营业执照,维修工单,消防检查,施工许可,群众诉求,巡查记录}') || n, '2020-01-01'::timestamptz + random() * interval '6 years',
       bench.pick('{有效,注销,办结}'), '{}', a.text_zh, a.geom, a.geom_m, a.admin_id, a.grid_id, bt.ids[1 + n % 60], e.first + n, '2021-01-01'
FROM (SELECT n, 1 + floor(power(random(), 1.7) * (SELECT count(*) FROM twin.building))::bigint * 7919 % (SELECT count(*) FROM twin.building) AS at
      FROM generate_series(1, :records) n OFFSET 0) s
  JOIN twin.address a ON a.address_id = s.at + (SELECT min(address_id) - 1 FROM twin.address), bench.batch bt,
  (SELECT max(evidence_id) - :records AS first FROM twin.evidence) e
WHERE bt.target = 'record' ORDER BY s.at;
INSERT INTO twin.link (record_id, building_id, asset_id, method, score, margin, state, reason_zh, reason_en, register_version)
SELECT r.record_id, CASE WHEN to_asset THEN NULL ELSE a.building_id END,
       CASE WHEN to_asset THEN 1 + floor(random() * (SELECT max(asset_id) FROM twin.asset))::bigint END,
       CASE WHEN to_asset THEN 'code' ELSE 'address' END, 0.97, 0.2, CASE WHEN random() < 0.98 THEN 'accepted' ELSE 'review' END,
       '地址一致', 'same address', 1
FROM (SELECT *, random() < 0.1 AS to_asset FROM twin.record OFFSET 0) r JOIN twin.address a ON a.text_zh = r.address_given
ORDER BY a.building_id;

-- step: live
SELECT setseed(0.17);
INSERT INTO twin.event (code, event_class_id, source, state, title_zh, severity, geom, geom_m, admin_id, grid_id, reported_at, closed_at)
SELECT '370612' || lpad(n::text, 12, '0'), 1 + n % 100, 'collector', CASE WHEN n % 20 = 0 THEN 'filed' ELSE 'closed' END, '暴露垃圾', 'c',
       ST_Transform(p.m, 4490), p.m, c.village, c.grid_id, reported, CASE WHEN n % 20 > 0 THEN reported + interval '1 day' END
FROM (SELECT n, m, '2023-12-01'::timestamptz + random() * interval '1090 days' AS reported FROM (
        SELECT n, ST_SetSRID(ST_MakePoint(least(416015, l.east + l.dx * t * l.length_m + l.dy * side),
                                          least(4159015, l.north + l.dy * t * l.length_m + l.dx * side)), 4550) AS m
        FROM (SELECT n, 1 + floor(random() * 1500)::integer AS lane_id, random() AS t, (random() - 0.5) * 20 AS side
              FROM generate_series(1, :events) n OFFSET 0) s JOIN bench.lane l USING (lane_id)) p) p
  JOIN bench.cell c ON c.col = floor((ST_X(p.m) - 376000) / 667)::integer AND c.row = floor((ST_Y(p.m) - 4119000) / 667)::integer
ORDER BY p.m;
INSERT INTO twin.sensor (code, kind, name_zh, unit, asset_id, geom, geom_m, latest_value, latest_at, valid_from)
SELECT 'SN' || asset_id, 'current', '电流', 'A', asset_id, ST_Centroid(geom), ST_Centroid(geom_m), random(), '2026-11-27', '2022-01-01'
FROM twin.asset WHERE asset_id % (SELECT greatest(1, count(*) / :sensors) FROM twin.asset) = 0 LIMIT :sensors;
