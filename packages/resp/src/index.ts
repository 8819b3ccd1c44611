export { type DecoderStatus, ERROR, MORE, REQUEST, RequestDecoder, SECURITY } from "./decoder.js";
export { type DecoderLimits, defaultLimits, protocolErrors, silentCloses } from "./limits.js";
export { addLongDouble, formatHumanLongDouble, isLongDouble } from "./long-double.js";
export { formatDouble, INT64_MAX, INT64_MIN, parseFloat64, parseInt64, parseSafeInt } from "./numbers.js";
export { ReplyWriter } from "./reply-writer.js";
export { Request } from "./request.js";
