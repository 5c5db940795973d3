// Where the account belongs.

import { list } from "./list.js";
import { ask, make } from "./site.js";

/** @param {import("./site.js").Gatepass} gatepass */
export function organizations(gatepass) {
  return list({
    section: "organizations",
    load: async () => (await ask(gatepass, "GET", "/orgs"))?.organizations ?? null,
    row: ({ name, role, ...organization }) => {
      const mark = organization.default ? [make("span", { class: "here" }, "Default")] : [];
      return make("li", {}, make("div", {}, make("h3", {}, name, ...mark), make("p", {}, `${role[0].toUpperCase()}${role.slice(1)}`)));
    },
    empty: "You belong to no organization. Whoever runs this server can add you.",
  });
}
