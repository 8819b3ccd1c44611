import { testTranscript } from "./transcript.js";

testTranscript("hashes");
