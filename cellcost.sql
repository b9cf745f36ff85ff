\timing on
SELECT count(*), min(asset_id), max(asset_id), count(DISTINCT grid_id) FROM twin.asset;
SELECT count(*) FROM (SELECT DISTINCT floor((ST_XMin(geom)+180)/360*16384), floor((1-ln(tan(radians(ST_YMin(geom)))+1/cos(radians(ST_YMin(geom))))/pi())/2*16384) FROM twin.asset) x;
SELECT count(*) FROM (SELECT DISTINCT floor((ST_XMin(geom)+180)*100), floor(ST_YMin(geom)*100) FROM twin.asset) x;
SELECT count(*) FROM (SELECT DISTINCT (ST_XMin(geom)*100)::int, (ST_YMin(geom)*100)::int,(ST_XMax(geom)*100)::int, (ST_YMax(geom)*100)::int FROM twin.asset) x;
SELECT count(*) FROM (SELECT DISTINCT left(ST_GeoHash(geom,5),5) FROM twin.asset) x;
SELECT sum(asset_id) FROM twin.asset;
SELECT GeometryType(geom), count(*) FROM twin.asset group by 1;
SELECT ST_Extent(geom) FROM twin.asset;
SELECT count(*), ST_Extent(geom) FROM twin.building;
