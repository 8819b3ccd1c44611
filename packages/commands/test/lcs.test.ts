import { testTranscript } from "./transcript.js";

testTranscript("lcs");
