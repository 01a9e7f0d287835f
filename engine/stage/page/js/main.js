// The page: its parts are built, then the line to the server is opened.

import { on, tell, told } from "./bus.js";
import { connect } from "./connection.js";
import { startBar } from "./controls/bar.js";
import { startKeys } from "./controls/keys.js";
import { moreCard } from "./controls/more.js";
import { partsCard } from "./controls/parts.js";
import { startPill } from "./controls/pill.js";
import { startMeters } from "./controls/meter.js";
import { startStrip } from "./controls/strip.js";
import { startMarks } from "./score/marks.js";
import { open, score, startScore } from "./score/score.js";
import { show } from "./settings.js";
import { startState } from "./state.js";
import { startTouch } from "./touch.js";
import { startPhone } from "./views/phone.js";
import { startViews } from "./views/views.js";
import { startWake } from "./wake.js";

const stage = document.getElementById("stage"), above = document.getElementById("above");
show();
startState();
startStrip(document.getElementById("strip"));
startScore(stage);
startMarks();
startPill(above);
startBar(above, { parts: partsCard, more: () => moreCard() });
startTouch(stage);
startKeys();
startWake();
startMeters();
startViews(document.getElementById("view"));
startPhone(document.body);
on("hello", (hello) => open(hello.score));
connect();
window.stage = { told, tell, score }; // for tests and for the curious
