import { testTranscript } from "./transcript.js";

testTranscript("memory");
