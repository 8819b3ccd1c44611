import { testTranscript } from "./transcript.js";

testTranscript("sort");
