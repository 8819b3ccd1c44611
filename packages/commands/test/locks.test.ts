import { testTranscript } from "./transcript.js";

testTranscript("locks");
