import { testTranscript } from "./transcript.js";

testTranscript("zsets");
