package org.tinyaudiossl.demo.participation

import java.io.File
import org.json.JSONException
import org.json.JSONObject
import org.tinyaudiossl.federated.writeAtomically

/**
 * One line of the history.
 *
 * @param round 0 where none had begun.
 * @param bytes sent and received.
 * @param reason why it was refused or ended early; empty for [Kind.SENT].
 */
data class Entry(
    val timeMs: Long,
    val kind: Kind,
    val round: Long,
    val bytes: Long,
    val seconds: Double,
    val reason: String = "",
) {
    enum class Kind {
        /** An update was sent, or a step of secure aggregation. */
        SENT,

        /** This phone did not take part, and told the server why. */
        REFUSED,

        /** The phone was needed, a limit was reached, or the server could not be used. */
        ENDED,
    }
}

/** The last [most] entries, in a file of one JSON object a line; its folder exists. */
class History(private val file: File, private val most: Int = 500) {

    /** Newest first; a line that was cut off is left out. */
    @Synchronized
    fun entries(): List<Entry> = lines().mapNotNull(::parsed).asReversed()

    /** An entry that repeats the last one for the same reason, as every night, replaces it. */
    @Synchronized
    fun add(entry: Entry) {
        val lines = lines()
        val last = lines.lastOrNull()?.let(::parsed)
        val repeats = entry.kind == Entry.Kind.ENDED && last?.kind == entry.kind && last.reason == entry.reason
        val kept = (if (repeats) lines.dropLast(1) else lines).takeLast(most - 1)
        file.writeAtomically((kept + json(entry)).joinToString("\n", postfix = "\n").toByteArray())
    }

    private fun lines() = if (file.isFile) file.readLines() else emptyList()

    private fun json(entry: Entry) = JSONObject()
        .put("time_ms", entry.timeMs)
        .put("kind", entry.kind.name.lowercase())
        .put("round", entry.round)
        .put("bytes", entry.bytes)
        .put("seconds", entry.seconds)
        .put("reason", entry.reason)
        .toString()

    private fun parsed(line: String): Entry? = try {
        val content = JSONObject(line)
        Entry(
            content.getLong("time_ms"),
            Entry.Kind.valueOf(content.getString("kind").uppercase()),
            content.getLong("round"),
            content.getLong("bytes"),
            content.getDouble("seconds"),
            content.getString("reason"),
        )
    } catch (_: JSONException) {
        null
    } catch (_: IllegalArgumentException) {
        null
    }
}
