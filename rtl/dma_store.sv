// dma_store: the store engine: scratchpad to bus.
//   every run: write bursts, one scratchpad read per beat; strobes mark the bytes of a first and a last beat
// Golden: accel_models.golden.transfer.store. Cycles: accel_models.cost.transfer.
// Accepted in cycle 0; first address phase in cycle DmaSetup-1, its first data beat in cycle DmaSetup; done_o with the
// last write response, or in cycle DmaSetup-1 where there is nothing to move. One beat a cycle, single-beat bursts
// included. Data follow their address phase; responses are counted, at most Outstanding of them are due.
// Combinational paths: b_valid_i, b_error_i -> done_o, error_o; pad_ready_i -> pad_error_o; w_ready_i -> stall_o;
// aw_ready_i inside; b_ready_o is high.
`default_nettype none
module dma_store #(
  parameter  int unsigned BusBytes    = 8,
  parameter  int unsigned DmaSetup    = 3,   // 3 or more
  parameter  int unsigned MaxBurst    = 64,
  parameter  int unsigned Outstanding = 32,  // 4 or more
  localparam int unsigned CountW      = $clog2(BusBytes + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     start_valid_i,
  output      logic                     start_ready_o,
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic             [511:0] command_i,      // registers resolved; the rest belongs to the engine's front
  // verilator lint_on UNUSEDSIGNAL
  output      logic                     done_o,         // last cycle of the command
  output      logic                     stall_o,        // after the set-up, a cycle without a data beat
  output      logic                     error_o,        // the bus answered with an error, or an address left 32 bits
  output      logic                     pad_error_o,    // a scratchpad address left 20 bits
  output      logic                     aw_valid_o,
  input  wire logic                     aw_ready_i,
  output      logic              [31:0] aw_addr_o,
  output      logic               [7:0] aw_len_o,
  output      logic                     w_valid_o,
  input  wire logic                     w_ready_i,
  output      logic    [8*BusBytes-1:0] w_data_o,
  output      logic      [BusBytes-1:0] w_strb_o,
  output      logic                     w_last_o,
  input  wire logic                     b_valid_i,
  output      logic                     b_ready_o,
  input  wire logic                     b_error_i,
  output      logic                     offset_error_o, // an offset of the row list is not allowed
  output      logic                     pad_valid_o,    // scratchpad read port; data come in the cycle after the grant
  output      logic                     pad_list_o,     // the request reads an entry of the row list
  input  wire logic                     pad_ready_i,
  output      logic              [19:0] pad_addr_o,
  output      logic        [CountW-1:0] pad_count_o,
  input  wire logic [BusBytes-1:0][7:0] pad_data_i
);
  localparam int unsigned OffsetW = $clog2(BusBytes);
  localparam int unsigned SetupW  = $clog2(DmaSetup);
  localparam int unsigned BurstW  = $clog2(MaxBurst + 1);
  localparam int unsigned DueW    = $clog2(Outstanding + 1);
  localparam int unsigned Depth   = 4;  // beats between scratchpad and bus
  localparam int unsigned UsedW   = $clog2(Depth + 1);

  // The command: what starts the walks comes straight from the port, the rest from registers.
  logic        start, empty, listed, empty_q, listed_q;
  logic [19:0] row_bytes, row_bytes_q, pad_row_stride_q, pad_plane_stride_q;
  logic [15:0] rows, rows_q, planes;
  logic [31:0] row_stride_q, plane_stride_q;
  assign start     = start_valid_i && start_ready_o;
  assign row_bytes = command_i[accel_pkg::StoreRowBytesLsb +: accel_pkg::StoreRowBytesW];
  assign rows      = command_i[accel_pkg::StoreRowsLsb +: accel_pkg::StoreRowsW];
  assign planes    = command_i[accel_pkg::StorePlanesLsb +: accel_pkg::StorePlanesW];
  assign listed    = command_i[accel_pkg::StoreListedLsb] && !empty;
  assign empty     = row_bytes == '0 || rows == '0 || planes == '0;
  always_ff @(posedge clk_i) begin
    if (start) begin
      empty_q            <= empty;
      listed_q           <= listed;
      row_bytes_q        <= row_bytes;
      rows_q             <= rows;
      row_stride_q       <= command_i[accel_pkg::StoreBusRowStrideLsb +: accel_pkg::StoreBusRowStrideW];
      plane_stride_q     <= command_i[accel_pkg::StoreBusPlaneStrideLsb +: accel_pkg::StoreBusPlaneStrideW];
      pad_row_stride_q   <= command_i[accel_pkg::StorePadRowStrideLsb +: accel_pkg::StorePadRowStrideW];
      pad_plane_stride_q <= command_i[accel_pkg::StorePadPlaneStrideLsb +: accel_pkg::StorePadPlaneStrideW];
    end
  end

  // setup_q: cycles of set-up after this one. Without bytes they are all; then every cycle without a beat is lost.
  logic              busy_q, working, last_response, w_sent;
  logic [SetupW-1:0] setup_q;
  assign start_ready_o = !busy_q;
  assign working       = setup_q <= SetupW'(2);
  assign done_o        = busy_q && (empty_q ? setup_q == SetupW'(1) : last_response);
  assign stall_o       = busy_q && setup_q == '0 && !w_sent;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      setup_q <= '0;
    end else if (start) begin
      busy_q  <= 1'b1;
      setup_q <= SetupW'(DmaSetup - 1);
    end else begin
      if (done_o) busy_q <= 1'b0;
      if (setup_q != '0) setup_q <= setup_q - 1'b1;
    end
  end

  // Address phases; the length of each waits for its data in a queue, and keeps it from coming before its data fit in.
  logic              burst_valid, burst_ready, bursts_left, bus_overflow, list_error, unused_issue;
  logic       [19:0] list_address;
  logic [BurstW-1:0] unused_beats;
  logic   [DueW-1:0] due_q;  // write responses
  burst_walk #(
    .BusBytes(BusBytes),
    .MaxBurst(MaxBurst)
  ) u_bursts (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_i       (start && !empty),
    .enable_i      (working && due_q < DueW'(Outstanding - 1)),
    .address_i     (command_i[accel_pkg::StoreBusAddressLsb +: accel_pkg::StoreBusAddressW]),
    .row_stride_i  (row_stride_q),
    .plane_stride_i(plane_stride_q),
    .row_bytes_i   (row_bytes_q),
    .rows_i        (start ? rows : rows_q),
    .planes_i      (planes),
    .listed_i      (listed),
    .list_address_i(command_i[accel_pkg::StoreListAddressLsb +: accel_pkg::StoreListAddressW]),
    .list_valid_o  (pad_list_o),
    .list_ready_i  (pad_ready_i),
    .list_address_o(list_address),
    .list_data_i   (pad_data_i[3:0]),
    .list_error_o  (list_error),
    .offset_error_o(offset_error_o),
    .left_o        (bursts_left),
    .issue_o       (unused_issue),
    .issue_beats_o (unused_beats),
    .valid_o       (burst_valid),
    .ready_i       (burst_ready),
    .address_o     (aw_addr_o),
    .len_o         (aw_len_o),
    .error_o       (bus_overflow)
  );
  logic       address_sent, len_room, len_valid;
  logic [7:0] len;
  assign aw_valid_o   = burst_valid && len_room;
  assign burst_ready  = aw_ready_i && len_room;
  assign address_sent = aw_valid_o && aw_ready_i;
  fifo #(
    .Width(8),
    .Depth(Depth)
  ) u_lens (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .valid_i(address_sent),
    .ready_o(len_room),
    .data_i (aw_len_o),
    .valid_o(len_valid),
    .ready_i(w_sent && w_last_o),
    .data_o (len)
  );

  // Reads: as many as the queue of beats has room for. used_q counts those in the queue and the one on its way to it.
  logic               reading_q, read, read_q, last, burst_first_q;
  logic        [20:0] pad_address;
  logic [OffsetW-1:0] skip, skip_q;
  logic  [CountW-1:0] count, count_q;
  logic   [UsedW-1:0] used_q;
  beat_walk #(
    .BusBytes   (BusBytes),
    .VectorBytes(BusBytes)
  ) u_beats (
    .clk_i             (clk_i),
    .start_i           (start),
    .fill_i            (1'b0),
    .bus_address_i     (command_i[accel_pkg::StoreBusAddressLsb +: OffsetW]),
    .bus_row_stride_i  (row_stride_q[OffsetW-1:0]),
    .bus_plane_stride_i(listed_q ? '0 : plane_stride_q[OffsetW-1:0]),
    .pad_address_i     (command_i[accel_pkg::StorePadAddressLsb +: accel_pkg::StorePadAddressW]),
    .pad_row_stride_i  (pad_row_stride_q),
    .pad_plane_stride_i(pad_plane_stride_q),
    .row_bytes_i       (row_bytes_q),
    .rows_i            (start ? rows : rows_q),
    .planes_i          (planes),
    .next_i            (read),
    .address_o         (pad_address),
    .skip_o            (skip),
    .count_o           (count),
    .last_o            (last)
  );
  assign pad_valid_o = pad_list_o || (working && reading_q && used_q != UsedW'(Depth));
  assign pad_addr_o  = pad_list_o ? list_address : pad_address[19:0];
  assign pad_count_o = pad_list_o ? CountW'(accel_pkg::ListEntryBytes) : count;
  assign read        = pad_valid_o && pad_ready_i && !pad_list_o;
  assign pad_error_o = list_error || (read && pad_address[20]);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      reading_q <= 1'b0;
      read_q    <= 1'b0;
      used_q    <= '0;
    end else begin
      if (start) reading_q <= !empty;
      else if (read && last) reading_q <= 1'b0;
      read_q <= read;
      used_q <= used_q + UsedW'(read) - UsedW'(w_sent);
    end
  end
  always_ff @(posedge clk_i) begin
    skip_q  <= skip;
    count_q <= count;
  end

  // Beats, in the lanes of the bus.
  logic [BusBytes-1:0] strobe;
  logic                beat_valid, unused_ready;
  assign strobe = BusBytes'((32'd1 << count_q) - 32'd1) << skip_q;
  fifo #(
    .Width(9 * BusBytes),
    .Depth(Depth)
  ) u_queue (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .valid_i(read_q),
    .ready_o(unused_ready),
    .data_i ({strobe, (8 * BusBytes)'(pad_data_i << {skip_q, 3'd0})}),
    .valid_o(beat_valid),
    .ready_i(len_valid && w_ready_i),
    .data_o ({w_strb_o, w_data_o})
  );

  logic [7:0] left_q, left;  // beats of the burst after this one
  assign left      = burst_first_q ? len : left_q;
  assign w_valid_o = beat_valid && len_valid;
  assign w_last_o  = left == 8'd0;
  assign w_sent    = w_valid_o && w_ready_i;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) burst_first_q <= 1'b1;
    else if (w_sent) burst_first_q <= w_last_o;
  end
  always_ff @(posedge clk_i) begin
    if (w_sent) left_q <= left - 8'd1;
  end

  // Responses.
  assign b_ready_o     = 1'b1;
  assign last_response = b_valid_i && due_q == DueW'(1) && !burst_valid && !bursts_left;
  assign error_o       = (b_valid_i && b_error_i) || bus_overflow;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) due_q <= '0;
    else due_q <= due_q + DueW'(address_sent) - DueW'(b_valid_i);
  end
endmodule
`default_nettype wire
