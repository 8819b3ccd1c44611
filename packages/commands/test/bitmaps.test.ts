import { testTranscript } from "./transcript.js";

testTranscript("bitmaps");
