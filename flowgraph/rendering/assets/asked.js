"use strict";
/* What the address asks for: ?find=softmax. */
const asked = new URLSearchParams(location.search).get("find");
if (asked) { search.value = asked; list(); look(1); }
