import { testTranscript } from "./transcript.js";

testTranscript("strings");
