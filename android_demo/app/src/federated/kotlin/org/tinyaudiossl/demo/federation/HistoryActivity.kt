package org.tinyaudiossl.demo.federation

import android.app.Activity
import android.os.Bundle
import android.view.ViewGroup
import android.widget.TextView
import java.text.DateFormat
import java.util.Date
import org.tinyaudiossl.demo.R
import org.tinyaudiossl.demo.participation.Entry
import org.tinyaudiossl.federated.device.Reason

/** What this phone has sent and refused, newest first. */
class HistoryActivity : Activity() {

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.history)
        val entries = Phone(this).membership.entries
        findViewById<TextView>(R.id.summary).text = summary(entries)
        val rows = findViewById<ViewGroup>(R.id.rows)
        for (entry in entries) {
            val row = layoutInflater.inflate(R.layout.history_row, rows, false)
            row.findViewById<TextView>(R.id.row_title).text = title(entry)
            row.findViewById<TextView>(R.id.row_detail).text = detail(entry)
            rows.addView(row)
        }
    }

    private fun summary(entries: List<Entry>): String {
        if (entries.isEmpty()) return getString(R.string.history_empty)
        val counts = entries.groupingBy { it.kind }.eachCount()
        val megabytes = entries.sumOf { it.bytes } / 1e6
        return getString(R.string.history_summary, counts[Entry.Kind.SENT] ?: 0, counts[Entry.Kind.REFUSED] ?: 0, megabytes)
    }

    private fun title(entry: Entry): String = when (entry.kind) {
        Entry.Kind.SENT -> getString(R.string.history_sent, entry.round)
        Entry.Kind.REFUSED -> getString(R.string.history_refused, entry.round)
        Entry.Kind.ENDED -> getString(R.string.history_ended)
    }

    private fun detail(entry: Entry): String {
        val time = DateFormat.getDateTimeInstance(DateFormat.SHORT, DateFormat.SHORT).format(Date(entry.timeMs))
        val megabytes = entry.bytes / 1e6
        val spent = when (entry.kind) {
            Entry.Kind.ENDED -> getString(R.string.history_detail_ended, time, megabytes)
            else -> getString(R.string.history_detail, time, megabytes, entry.seconds)
        }
        return entry.reason?.let { "$spent\n${getString(text(it))}" } ?: spent
    }

    private fun text(reason: Reason): Int = when (reason) {
        Reason.OTHER_APP -> R.string.reason_other_app
        Reason.OTHER_MODEL -> R.string.reason_other_model
        Reason.UNSUPPORTED -> R.string.reason_unsupported
        Reason.UNPROTECTED -> R.string.reason_unprotected
        Reason.BAD_MESSAGE -> R.string.reason_bad_message
        Reason.TOO_FEW_CLIPS -> R.string.reason_too_few_clips
        Reason.RELEASES_SPENT -> R.string.reason_releases_spent
        Reason.DIVERGED -> R.string.reason_diverged
        Reason.DEVICE_FAULT -> R.string.reason_device_fault
        Reason.UNREACHABLE -> R.string.reason_unreachable
        Reason.UNTRUSTED -> R.string.reason_untrusted
        Reason.UNKNOWN_KEY -> R.string.reason_unknown_key
        Reason.WRONG_CLOCK -> R.string.reason_wrong_clock
        Reason.SERVER_FAULT -> R.string.reason_server_fault
        Reason.STOPPED -> R.string.reason_stopped
        Reason.LIMIT -> R.string.reason_limit
    }
}
