package org.tinyaudiossl.demo.participation

import java.io.File
import org.json.JSONException
import org.json.JSONObject
import org.tinyaudiossl.federated.device.Reason
import org.tinyaudiossl.federated.writeAtomically

/**
 * One line of the history.
 *
 * @param round of the run, whose id is [run]; 0 where none had begun.
 * @param bytes sent and received.
 * @param reason why something was refused, or it ended early.
 */
data class Entry(
    val timeMs: Long,
    val kind: Kind,
    val run: Long,
    val round: Long,
    val bytes: Long,
    val seconds: Double,
    val reason: Reason? = null,
) {
    enum class Kind {
        /** The update of the round was sent. */
        SENT,

        /** This phone did not take part, and told the server why. */
        REFUSED,

        /** The phone was needed, a limit was reached, or the server could not be used. */
        ENDED,
    }

    /** Whether both are of one round: secure aggregation has several answers in a round. */
    fun isSameRound(other: Entry): Boolean = round > 0 && round == other.round && run == other.run

    /** This entry and an [earlier] one of the same round in one. */
    operator fun plus(earlier: Entry): Entry = copy(
        kind = if (earlier.kind == Kind.SENT) Kind.SENT else kind,
        bytes = earlier.bytes + bytes,
        seconds = earlier.seconds + seconds,
        reason = reason ?: earlier.reason,
    )
}

/** The last [most] entries, in a file of one JSON object a line; its folder exists. */
class History(private val file: File, private val most: Int = 500) {

    /** Newest first; a line that was cut off is left out. */
    @Synchronized
    fun entries(): List<Entry> = lines().mapNotNull(::parsed).asReversed()

    /**
     * Adds a line. A round has only one, to which its later answers are added; and one that ends for the
     * same reason as the last one, as every night, replaces it.
     */
    @Synchronized
    fun add(entry: Entry) {
        val lines = lines()
        val last = lines.lastOrNull()?.let(::parsed)
        val isSameRound = last != null && entry.isSameRound(last)
        val repeats = entry.kind == Entry.Kind.ENDED && last?.kind == entry.kind && last.reason == entry.reason
        val kept = (if (isSameRound || repeats) lines.dropLast(1) else lines).takeLast(most - 1)
        val added = if (isSameRound) entry + last else entry
        file.writeAtomically((kept + json(added)).joinToString("\n", postfix = "\n").toByteArray())
    }

    private fun lines() = if (file.isFile) file.readLines() else emptyList()

    private fun json(entry: Entry) = JSONObject()
        .put("time_ms", entry.timeMs)
        .put("kind", entry.kind.name.lowercase())
        .put("run", entry.run)
        .put("round", entry.round)
        .put("bytes", entry.bytes)
        .put("seconds", entry.seconds)
        .put("reason", entry.reason?.name?.lowercase().orEmpty())
        .toString()

    private fun parsed(line: String): Entry? = try {
        val content = JSONObject(line)
        Entry(
            content.getLong("time_ms"),
            Entry.Kind.valueOf(content.getString("kind").uppercase()),
            content.getLong("run"),
            content.getLong("round"),
            content.getLong("bytes"),
            content.getDouble("seconds"),
            content.getString("reason").let { code -> Reason.entries.firstOrNull { it.name.lowercase() == code } },
        )
    } catch (_: JSONException) {
        null
    } catch (_: IllegalArgumentException) {
        null
    }
}
