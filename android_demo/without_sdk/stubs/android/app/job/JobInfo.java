package android.app.job;

import android.content.ComponentName;

public class JobInfo {
    public static final int NETWORK_TYPE_UNMETERED = 2;

    private JobInfo() {}

    public static final class Builder {
        public Builder(int id, ComponentName service) {}
        public Builder setPeriodic(long intervalMs) { throw new RuntimeException("Stub!"); }
        public Builder setRequiresCharging(boolean requires) { throw new RuntimeException("Stub!"); }
        public Builder setRequiresDeviceIdle(boolean requires) { throw new RuntimeException("Stub!"); }
        public Builder setRequiredNetworkType(int type) { throw new RuntimeException("Stub!"); }
        public Builder setPersisted(boolean persisted) { throw new RuntimeException("Stub!"); }
        public JobInfo build() { throw new RuntimeException("Stub!"); }
    }
}
