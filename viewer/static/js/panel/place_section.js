// Where it is: the administrative chain, the grid, the address, the coordinates.

import { element } from "../elements.js";
import { facts } from "./facts.js";

export function placeSection(answer, { language }) {
  const { place = {}, query } = answer;
  const chain = (place.admin ?? []).map((unit) => language.pick(unit, "name")).join(" › ");
  const { address, grid, projected } = place;
  const own = (answer.building?.addresses ?? []).some((item) => item.code === address?.code);
  const near = !own && address?.distance_m > 0.5 ? language.text("place.away", { distance: language.metres(address.distance_m, 0) }) : "";
  const node = facts(
    [
      { key: "admin", label: language.text("place.admin"), value: chain },
      {
        key: "grid",
        label: language.text("place.grid"),
        value: grid ? [grid.name_zh, grid.code].filter(Boolean).join(" · ") : language.text("place.no_grid"),
      },
      ...(grid?.management_grids ?? []).map((managed) => ({
        key: `managed-${managed.code}`,
        label: language.word("grid_kind", managed.kind),
        value: `${managed.name_zh} · ${managed.code}`,
      })),
      address && {
        key: "address",
        label: language.text(own ? "place.own_address" : "place.address"),
        value: [element("span", { text: address.text_zh }), near ? element("small", { class: "aside", text: near }) : ""],
        evidence: address.evidence,
      },
      {
        key: "lonlat",
        label: language.text("place.lonlat"),
        value: `${query.lon.toFixed(7)}, ${query.lat.toFixed(7)}`,
      },
      projected && {
        key: "projected",
        label: `${language.text("place.projected")} (${projected.crs})`,
        value: `${projected.east.toFixed(2)}, ${projected.north.toFixed(2)}`,
      },
    ],
    language,
  );
  return { id: "place", count: null, node };
}
