import { testTranscript } from "./transcript.js";

testTranscript("keys");
