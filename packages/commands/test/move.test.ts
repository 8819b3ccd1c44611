import { testTranscript } from "./transcript.js";

testTranscript("move");
